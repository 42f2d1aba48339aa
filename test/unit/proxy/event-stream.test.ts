import { expect, test } from "vitest";
import { EventSplitter } from "../../../proxy/transport/event-stream.ts";

interface Seen {
  bytes: string;
  events: (string | null)[];
  /** What had been handed over when each event ended. */
  upTo: string[];
  data: string;
  resumable: boolean;
}

function split(chunks: Buffer[]): Seen {
  const seen: Seen = { bytes: "", events: [], upTo: [], data: "", resumable: false };
  const splitter = new EventSplitter({
    bytes: (slice) => (seen.bytes += slice.toString("latin1")),
    event(facts) {
      seen.events.push(facts?.kind ?? null);
      seen.upTo.push(seen.bytes);
    },
    data: (slice) => (seen.data += slice.toString("latin1")),
  });
  for (const chunk of chunks) splitter.push(chunk);
  seen.resumable = splitter.resumable;
  return seen;
}

const progress = 'event: message\nid: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n';
const answer = 'data:{"jsonrpc":"2.0","id":3,\ndata: "result":{"content":[]}}\n\n';
const stream = `: hello\n\n${progress}${answer}`;

for (const [name, text] of [
  ["LF", stream],
  ["CR LF", stream.replaceAll("\n", "\r\n")],
  ["CR", stream.replaceAll("\n", "\r")],
] as const) {
  test(`with ${name} line ends, events are found and bytes unchanged wherever the stream is cut`, () => {
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const seen = split([bytes.subarray(0, cut), bytes.subarray(cut)]);
      expect(seen.bytes).toBe(text);
      expect(seen.events).toEqual([null, "request", "result"]);
      expect(seen.resumable).toBe(true);
    }
    expect(split([...bytes].map((byte) => Buffer.of(byte))).events).toEqual([null, "request", "result"]);
  });
}

test("when an event is told, all of its bytes and none of the next one's were handed over", () => {
  const { upTo } = split([Buffer.from(stream)]);
  expect(upTo).toEqual([": hello\n\n", `: hello\n\n${progress}`, stream]);
});

test("data without its field names is what a digest is made of", () => {
  expect(split([Buffer.from(answer)]).data).toBe('{"jsonrpc":"2.0","id":3,"result":{"content":[]}}');
});

test("other fields are no data", () => {
  expect(split([Buffer.from('datax: {"result":{}}\nevent: data\nretry: 5\n\n')]).events).toEqual([null]);
});

test("an event that has not ended is not told", () => {
  const seen = split([Buffer.from('data: {"id":1,"result":{}}\n')]);
  expect(seen.events).toEqual([]);
  expect(seen.bytes).toBe('data: {"id":1,"result":{}}\n');
});

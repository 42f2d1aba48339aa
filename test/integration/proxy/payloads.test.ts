import { afterEach, beforeEach, expect, test } from "vitest";
import type { DropReason, Payload, PayloadSink } from "../../../collector/payload/payload.ts";
import type { AnswerHandling } from "../../../proxy/relay/answer-handling.ts";
import { memoryAudit } from "../../support/memory-audit.ts";
import { asAlice, httpServer, startProxyApp, type TestProxy, type TestProxyOptions } from "../../support/proxy-app.ts";
import { answerJson, idOf, startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";
import { awsKey } from "../../unit/handling/support.ts";

let upstream: StubUpstream;
let proxy: TestProxy;
let kept: Payload[];
let dropped: [DropReason, number][];

beforeEach(async () => {
  upstream = await startStubUpstream();
  kept = [];
  dropped = [];
});
afterEach(async () => {
  await proxy.stop();
  await upstream.stop();
});

/** So that results of `calc` pass piece by piece, and those of `fetch` are looked at whole. */
const handling = { schemaMismatch: "pass", secrets: "pass", personalData: "pass", instructions: "pass", hidden: "pass", contentTypes: ["*"] };
const tools = { fetch: { effect: "read", trusted: false }, calc: { effect: "read", trusted: true } };

async function start(entry: Record<string, unknown>, options: Partial<TestProxyOptions> = {}): Promise<void> {
  const payloads: PayloadSink = { keep: (payload) => void kept.push(payload), drop: (reason, count = 1) => void dropped.push([reason, count]) };
  proxy = await startProxyApp({ servers: [httpServer(upstream.url, { tools, handling, ...entry })], payloads, ...options });
}

const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const call = (name: string, args: unknown = { a: 1 }): object => ({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } });
const send = (body: unknown, who: Record<string, string> = asAlice): Promise<string> =>
  fetch(proxy.url, { method: "POST", headers: { ...headers, ...who }, body: typeof body === "string" ? body : JSON.stringify(body) }).then((response) => response.text());
const texts = (): [string, string][] => kept.map(({ kind, bytes }) => [kind, bytes.toString("utf8")]);
const answerText = (text: string): void => {
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { content: [{ type: "text", text }] } });
};
const asEvents = (...events: string[]): void => {
  upstream.answer = (_request, response) => response.writeHead(200, { "content-type": "text/event-stream" }).end(events.join(""));
};

test("without a word in the registry nothing is kept", async () => {
  await start({});
  await send(call("fetch"));
  await send(call("calc"));
  expect([kept, dropped]).toEqual([[], []]);
});

test.each([
  ["arguments", ["arguments"]],
  ["results", ["result"]],
  ["both", ["arguments", "result"]],
])("`record: %s` keeps that of calls, under the call's id", async (record, kinds) => {
  await start({ payloads: { record } });
  for (const tool of ["fetch", "calc"]) {
    kept = [];
    const answer = await send(call(tool));
    expect(kept.map(({ kind }) => kind)).toEqual(kinds);
    const seq = proxy.audit.records.length;
    for (const payload of kept) expect(payload).toMatchObject({ producer: "memory", seq, server: "fixture", method: "tools/call", tool, riskTier: "low", contentType: "application/json", traceId: proxy.audit.records.at(-1)!.traceId });
    for (const [kind, text] of texts()) expect(text).toBe(kind === "result" ? answer : `{"name":"${tool}","arguments":{"a":1}}`);
  }
});

test("what is kept of a result is what the agent was given, after redaction", async () => {
  await start({ payloads: { record: "results" }, handling: { secrets: "redact" } });
  answerText(`the key is ${awsKey}`);
  const answer = await send(call("fetch"));
  expect(answer).not.toContain(awsKey);
  expect(texts()).toEqual([["result", answer]]);
});

test("of an event stream the answer's own data is kept, looked at or not", async () => {
  await start({ payloads: { record: "results" } });
  const answer = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}';
  asEvents('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n', `id: 2\ndata: ${answer}\n\n`, ": bye\n\n");
  await send(call("calc"));
  await send(call("fetch"));
  expect(texts()).toEqual([["result", answer], ["result", answer]]);
});

test("answers that come on a listening stream are kept under the records that they get there", async () => {
  await start({ payloads: { record: "both" } });
  const answers = [4, 5].map((id) => `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"late ${id}"}]}}`);
  asEvents(...answers.map((answer, i) => `id: ${i}\ndata: ${answer}\n\n`));
  await fetch(proxy.url, { headers: { accept: "text/event-stream", ...asAlice } }).then((response) => response.text());
  expect(texts()).toEqual(answers.map((answer) => ["result", answer]));
  expect(kept.map(({ seq, method }) => [proxy.audit.records[seq - 1]?.rpcId, method])).toEqual([["4", "transport/stream"], ["5", "transport/stream"]]);
});

test("of what is longer than the limit the beginning is kept, with how long it was", async () => {
  await start({ payloads: { record: "both", maxBytes: 100 } });
  for (const tool of ["fetch", "calc"]) {
    kept = [];
    answerText("é".repeat(300_000));
    const answer = Buffer.from(await send(call(tool, { text: "x".repeat(500) })));
    const [asked, answered] = kept;
    expect(asked?.bytes.toString()).toBe(`{"name":"${tool}","arguments":{"text":"${"x".repeat(500)}`.slice(0, 100));
    expect(asked?.size).toBeGreaterThan(500);
    expect(answered?.size).toBe(answer.length);
    expect(answered!.bytes.length).toBeGreaterThanOrEqual(99);
    expect(answer.subarray(0, answered!.bytes.length).equals(answered!.bytes)).toBe(true);
    expect(answered!.bytes.toString("utf8")).not.toContain("\ufffd");
  }
});

test("arguments keep their digits, and what is for the protocol alone is left out", async () => {
  await start({ payloads: { record: "arguments" } });
  await send('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"calc","arguments":{"n":12345678901234567890},"_meta":{"progressToken":"secret"}}}');
  expect(texts()).toEqual([["arguments", '{"name":"calc","arguments":{"n":12345678901234567890}}']]);
});

test("a result that was kept back and then released is kept as it is given", async () => {
  const released = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
  const handling: AnswerHandling = { prepare: () => null, finish: () => Promise.reject(new Error("not asked")), answerKept: () => Promise.resolve({ bytes: Buffer.from(released), handling: "pass", findings: [] }) };
  await start({ payloads: { record: "results" } }, { handling });
  expect(await send(call("fetch"))).toBe(released);
  expect(texts()).toEqual([["result", released]]);
});

test("a denied call keeps what it asked for, a stranger nothing, and neither do lists", async () => {
  await start({ payloads: { record: "both" } }, { decide: ({ tool }) => ({ decision: tool === "calc" ? "deny" : "allow" }) });
  await send(call("calc", { forbidden: true }));
  await send(call("fetch"), {});
  await send({ jsonrpc: "2.0", id: 2, method: "tools/list" });
  await send({ jsonrpc: "2.0", method: "notifications/initialized" });
  expect(texts()).toEqual([["arguments", '{"name":"calc","arguments":{"forbidden":true}}']]);
});

test("a call that goes on without a record has nothing kept, and that is counted", async () => {
  const audit = memoryAudit();
  audit.available = false;
  await start({ payloads: { record: "both" } }, { audit, config: { whenAuditUnavailable: { low: "continue" } } });
  expect(await send(call("fetch"))).toContain("done");
  expect([kept, dropped]).toEqual([[], [["no_record", 2]]]);
});

test("a sink that fails costs its payloads and no call", async () => {
  await start({ payloads: { record: "both" } }, {
    payloads: {
      keep() {
        throw new Error("broken");
      },
      drop: (reason, count = 1) => void dropped.push([reason, count]),
    },
  });
  expect(await send(call("fetch"))).toContain("done");
  expect(proxy.audit.records.at(-1)).toMatchObject({ outcome: "ok" });
  expect(dropped).toEqual([["failed", 1]]);
});

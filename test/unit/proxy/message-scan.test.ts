import { expect, test } from "vitest";
import { MessageScan, type MessageFacts } from "../../../proxy/transport/message-scan.ts";

function scan(text: string, cutAt?: number): MessageFacts {
  const bytes = Buffer.from(text);
  const scanner = new MessageScan();
  if (cutAt === undefined) scanner.push(bytes);
  else {
    scanner.push(bytes.subarray(0, cutAt));
    scanner.push(bytes.subarray(cutAt));
  }
  return scanner.facts();
}

const long = "x".repeat(200);
const cases: [string, unknown, Partial<MessageFacts>][] = [
  ["a result", { jsonrpc: "2.0", id: 7, result: { content: [] } }, { kind: "result", id: "7", isError: false }],
  ["a tool's own failure", { jsonrpc: "2.0", id: "a", result: { content: [{ type: "text", text: long }], isError: true } }, { kind: "result", id: '"a"', isError: true }],
  ["isError that is said to be false", { id: 1, result: { isError: false } }, { isError: false }],
  ["isError deeper than the result's own", { id: 1, result: { structuredContent: { isError: true }, content: [{ isError: true }] } }, { kind: "result", isError: false }],
  ["an error", { jsonrpc: "2.0", id: 1, error: { code: -32602, message: "no", data: { code: 5 } } }, { kind: "error", errorCode: "-32602" }],
  ["an error without an id", { id: null, error: { code: 40301, message: "" } }, { kind: "error", id: "null" }],
  ["a request", { id: 2, method: "sampling/createMessage", params: { result: {} } }, { kind: "request" }],
  ["the kind of a result", { id: 2, result: { resultType: "input_required" } }, { kind: "result", resultType: "input_required" }],
  ["words in text that look like members", { id: 3, result: { content: [{ text: '"isError":true},"error":{"code":1' }] } }, { kind: "result", isError: false }],
  ["text full of backslashes", { id: 3, result: { a: "\\\\\\\"".repeat(40), isError: true } }, { isError: true }],
  ["a result that is no object", { id: 3, result: null }, { kind: "result" }],
  ["no message", [1, { result: {} }], { kind: "none" }],
];

for (const [what, value, expected] of cases) {
  test(`${what} is read the same wherever the bytes are cut`, () => {
    const text = JSON.stringify(value);
    for (let cut = 0; cut <= Buffer.byteLength(text); cut++) expect(scan(text, cut)).toMatchObject(expected);
    expect(scan(JSON.stringify(value, null, 2))).toMatchObject(expected);
  });
}

test("a member's name may be written with escapes", () => {
  expect(scan('{"id":1,"result":{"isErr\\u006fr":true}}').isError).toBe(true);
});

test("of members that occur twice the last one counts, as for JSON.parse", () => {
  expect(scan('{"id":1,"result":{"isError":true},"result":{}}')).toMatchObject({ kind: "result", isError: false });
  expect(scan('{"id":1,"result":{"isError":true,"isError":false}}').isError).toBe(false);
});

test("random messages are read as JSON.parse reads them, in pieces of any size", () => {
  const random = seeded(4711);
  for (let n = 0; n < 400; n++) {
    const message = randomMessage(random);
    const text = JSON.stringify(message);
    const bytes = Buffer.from(text);
    const scanner = new MessageScan();
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + Math.floor(random() * 90);
      scanner.push(bytes.subarray(at, at + size));
      at += size;
    }
    const { result, error } = message as { result?: { isError?: boolean }; error?: { code: number } };
    expect(scanner.facts(), text).toMatchObject({
      kind: error ? "error" : "result",
      isError: result?.isError === true,
      errorCode: error ? String(error.code) : "",
    });
  }
});

function randomMessage(random: () => number): unknown {
  const members: Record<string, unknown> = { jsonrpc: "2.0", id: Math.floor(random() * 1e6) };
  if (random() < 0.3) members.error = { message: randomText(random), code: -32000 - Math.floor(random() * 99), data: randomValue(random, 3) };
  else {
    const result: Record<string, unknown> = { content: randomValue(random, 4) };
    if (random() < 0.5) result.isError = random() < 0.5;
    result.tail = randomValue(random, 2);
    members.result = result;
  }
  return members;
}

function randomValue(random: () => number, depth: number): unknown {
  const pick = random();
  if (depth === 0 || pick < 0.4) return randomText(random);
  if (pick < 0.55) return random() * 1e9;
  if (pick < 0.65) return random() < 0.5 ? null : true;
  const size = Math.floor(random() * 4);
  if (pick < 0.85) return Array.from({ length: size }, () => randomValue(random, depth - 1));
  return Object.fromEntries(Array.from({ length: size }, (_, i) => [random() < 0.2 ? "isError" : `k${i}`, randomValue(random, depth - 1)]));
}

function randomText(random: () => number): string {
  const alphabet = ['"', "\\", "{", "}", "[", "]", ":", ",", "a", "é", "\n", '"isError":true'];
  return Array.from({ length: Math.floor(random() * 80) }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

import { expect, test } from "vitest";
import { Digester } from "../../../proxy/relay/digest.ts";
import { argumentLeaves } from "../../../proxy/relay/leaves.ts";
import { endingOf, endingWithoutAnswer } from "../../../proxy/relay/outcome.ts";
import { SessionBinding } from "../../../proxy/relay/session-binding.ts";
import { inboundParent, newSpanId, newTraceId } from "../../../proxy/relay/trace.ts";
import { createHostCheck } from "../../../proxy/transport/host-check.ts";
import type { MessageFacts } from "../../../proxy/transport/message-scan.ts";

const key = Buffer.alloc(32, 7);
const digester = new Digester(key);

test("equal values have equal digests, under another key they have others", () => {
  expect(digester.text("a")).toMatch(/^[0-9a-f]{32}$/);
  expect(digester.text("a")).toBe(new Digester(key).text("a"));
  expect(digester.text("a")).not.toBe(new Digester(Buffer.alloc(32, 8)).text("a"));
});

test("a digest does not depend on the pieces that the bytes came in", () => {
  for (const size of [0, 1, 8192, 8193, 100_000]) {
    const bytes = Buffer.alloc(size, "abc");
    const running = digester.start();
    running.update(bytes.subarray(0, size >> 1));
    running.update(bytes.subarray(size >> 1));
    expect(running.digest()).toBe(digester.bytes(bytes));
  }
});

test("every scalar of the arguments is a leaf, lists share one path", () => {
  const leaves = argumentLeaves({ a: "x", b: [{ c: 1 }, { c: 2 }], "d/e~": null, f: {}, "*": true }, digester);
  expect(leaves.map((leaf) => leaf.path)).toEqual(["/a", "/b/*/c", "/b/*/c", "/d~1e~0", "/f", "/~2"]);
  expect(new Set(leaves.map((leaf) => leaf.digest)).size).toBe(6);
});

test("an argument that is null is known for one without the key, and the text of it is not", () => {
  const [none, text] = argumentLeaves({ a: null, b: "null" }, digester);
  expect(none?.digest).toBe("0".repeat(32));
  expect(text?.digest).not.toBe(none?.digest);
});

test("a number and the text of its digits are different values", () => {
  const [number, text] = argumentLeaves({ a: 5, b: "5" }, digester);
  expect(number?.digest).not.toBe(text?.digest);
});

test("at most 256 leaves are kept, and paths are cut", () => {
  expect(argumentLeaves({ list: Array.from({ length: 1000 }, (_, i) => i) }, digester)).toHaveLength(256);
  expect(argumentLeaves({ ["k".repeat(2000)]: 1 }, digester)[0]?.path).toHaveLength(512);
});

const owner = { server: "s", agent: "a", principal: "p" };

test("a session opens for its owner and for nobody else", () => {
  const binding = new SessionBinding(key);
  const sealed = binding.seal("up.stream-1", owner);
  expect(new SessionBinding(key).open(sealed, owner)).toBe("up.stream-1");
  for (const other of [{ ...owner, server: "t" }, { ...owner, agent: "b" }, { ...owner, principal: "q" }]) expect(binding.open(sealed, other)).toBeNull();
  expect(binding.open("up.stream-1", owner)).toBeNull();
  expect(binding.open(sealed.slice(0, -1), owner)).toBeNull();
  expect(binding.open(`x${sealed}`, owner)).toBeNull();
  expect(binding.open("", owner)).toBeNull();
  expect(new SessionBinding(Buffer.alloc(32, 1)).open(sealed, owner)).toBeNull();
});

const facts = (more: Partial<MessageFacts>): MessageFacts => ({ kind: "result", id: "1", isError: false, resultType: "", errorCode: "", answers: true, method: "", ...more });

for (const [what, ending, expected] of [
  ["a result", endingOf(facts({}), 200, true), { outcome: "ok" }],
  ["a tool's own failure", endingOf(facts({ isError: true }), 200, true), { outcome: "tool_error", errorType: "tool_error" }],
  ["an error", endingOf(facts({ kind: "error", errorCode: "-32602" }), 200, true), { outcome: "rpc_error", rpcCode: "-32602", errorType: "-32602" }],
  ["an error with a status", endingOf(facts({ kind: "error", errorCode: "-32022" }), 400, true), { outcome: "rpc_error", httpStatus: 400 }],
  ["a gateway's failure", endingOf(facts({ kind: "error", errorCode: "50201" }), 502, true), { outcome: "transport_error", errorType: "502" }],
  ["a status alone", endingOf(null, 404, true), { outcome: "transport_error", errorType: "404" }],
  ["an accepted notification", endingOf(null, 202, false), { outcome: "ok" }],
  ["no message where one was due", endingOf(facts({ kind: "none" }), 200, true), { outcome: "transport_error", errorType: "invalid_response" }],
  ["a stream that can be resumed", endingWithoutAnswer(true, 200), { outcome: "interrupted" }],
  ["a stream that ended too soon", endingWithoutAnswer(false, 200), { outcome: "transport_error" }],
] as const) {
  test(`the outcome of ${what} follows from its bytes`, () => expect(ending).toMatchObject(expected));
}

test("the span named in the message is the parent, else the one of its HTTP request", () => {
  const inMessage = `00-${"a".repeat(32)}-${"b".repeat(16)}-00`;
  const inHeader = `00-${"c".repeat(32)}-${"d".repeat(16)}-01`;
  expect(inboundParent({ _meta: { traceparent: inMessage } }, inHeader)?.spanId).toBe("b".repeat(16));
  expect(inboundParent(null, inHeader)?.spanId).toBe("d".repeat(16));
  expect(inboundParent({ _meta: { traceparent: `00-${"0".repeat(32)}-${"b".repeat(16)}-00` } }, "nonsense")).toBeNull();
});

test("ids are random", () => {
  expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(Array.from({ length: 5000 }, newSpanId)).size).toBe(5000);
});

test("only known hosts and origins are served", () => {
  const check = createHostCheck({ host: "127.0.0.1", allowedHosts: ["proxy.example"], allowedOrigins: ["https://console.example"], publicUrl: "https://mcp.example:8443" });
  for (const host of ["127.0.0.1:7070", "localhost", "[::1]:1", "PROXY.example:443", "mcp.example"]) expect(check.allows(host, undefined)).toBe(true);
  for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "localhost@evil.example", ""]) expect(check.allows(host, undefined)).toBe(false);
  expect(check.allows(undefined, undefined)).toBe(false);
  for (const origin of ["http://localhost:5173", "https://console.example", "https://mcp.example:8443"]) expect(check.allows("localhost", origin)).toBe(true);
  for (const origin of ["https://evil.example", "null", "http://localhost.evil.example"]) expect(check.allows("localhost", origin)).toBe(false);
});

import { expect, test } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import type { Call } from "../../../proxy/relay/call.ts";
import { mayRefuseEra, noteLegacy, noteModern, refusesEra, wayFor } from "../../../proxy/relay/other-era.ts";
import type { BridgeWay, Upstream } from "../../../proxy/upstream/upstreams.ts";

const clock = manualClock(1_700_000_000_000);
const modern = { modern: true, method: "tools/call", sessionId: "", message: { kind: "request" } } as Call;
const legacy = { modern: false, method: "tools/call", sessionId: "abc", message: { kind: "request" } } as Call;
const way = (): BridgeWay => ({ upstream: { path: "/bridge" } as Upstream, legacyUntilMs: 0, modernUntilMs: 0 });
const json = { "content-type": "application/json; charset=utf-8" };
const error = (code: number, data?: unknown): Buffer => Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code, message: "", data } }));

for (const [what, call, status, headers, expected] of [
  ["an answer to a call", modern, 200, json, false],
  ["a refused call of the newest revision", modern, 400, json, true],
  ["one refused in plain text", modern, 404, {}, true],
  ["one whose sender is not accepted", modern, 401, json, false],
  ["one that may not be made", modern, 403, json, false],
  ["one that there are too many of", modern, 429, json, false],
  ["a server that is not well", modern, 503, json, false],
  ["a refused call of a session", legacy, 404, json, false],
  ["a refused notification", { ...modern, message: { kind: "notification" } } as Call, 400, json, false],
  ["a refused initialize", { ...legacy, method: "initialize" } as Call, 400, json, true],
  ["an initialize that is answered", { ...legacy, method: "initialize" } as Call, 200, json, true],
  ["an initialize that is answered with a stream", { ...legacy, method: "initialize" } as Call, 200, { "content-type": "text/event-stream" }, false],
  ["a discover that is answered", { ...modern, method: "server/discover" } as Call, 200, json, true],
] as const) {
  test(`whether an answer may be about the era: ${what}`, () => {
    expect(mayRefuseEra(call, way(), status, headers, clock)).toBe(expected);
  });
}

for (const [what, isModern, status, body, expected] of [
  ["an error that any server may make", true, 400, error(-32600), true],
  ["no JSON at all", true, 404, Buffer.from("nothing here"), true],
  ["headers that do not agree, which only the newest revision knows", true, 400, error(-32020), false],
  ["a capability that is missing, which only it knows", true, 400, error(-32021), false],
  ["another version of the newest era", true, 400, error(-32022, { supported: ["2027-03-01"] }), false],
  ["versions of the older one alone", true, 400, error(-32022, { supported: ["2025-11-25"] }), true],
  ["an initialize with a result", false, 200, Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}'), false],
  ["an initialize with an error", false, 200, error(-32601), true],
  ["an initialize of a server for the newest revision", false, 400, error(-32022, { supported: ["2026-07-28"] }), true],
] as const) {
  test(`whether a refusal leaves the other era open: ${what}`, () => {
    expect(refusesEra(isModern, status, body)).toBe(expected);
  });
}

test("a message goes to the server, and around through the bridge once the server is known to be old, for a while", () => {
  const bridge = way();
  const upstream = { path: "/mcp", bridge } as Upstream;
  expect(wayFor(modern, upstream, clock)).toBe(upstream);
  noteLegacy(bridge, clock.nowMs());
  expect(wayFor(modern, upstream, clock)).toBe(bridge.upstream);
  expect(wayFor(legacy, upstream, clock)).toBe(upstream);
  expect(wayFor({ ...legacy, sessionId: "signalbox-bridge-1" } as Call, upstream, clock)).toBe(bridge.upstream);
  clock.advanceMs(5 * 60_000);
  expect(wayFor(modern, upstream, clock)).toBe(upstream);
  noteModern(bridge, clock.nowMs());
  expect(mayRefuseEra(modern, bridge, 400, json, clock)).toBe(false);
  clock.advanceMs(5 * 60_000);
  expect(mayRefuseEra(modern, bridge, 400, json, clock)).toBe(true);
});

import { expect, test } from "vitest";
import { classify, decodeHeader } from "../../../proxy/era/classify.ts";
import type { Message } from "../../../proxy/transport/envelope.ts";

const version = "2026-07-28";
const claim = { _meta: { "io.modelcontextprotocol/protocolVersion": version } };
const modernHeaders = { version, method: "tools/call", name: "read" };
const none = { version: undefined, method: undefined, name: undefined };

function message(method: string, params: Record<string, unknown> | null, kind: Message["kind"] = "request"): Message {
  return { kind, method, params, id: kind === "request" ? 1 : null, body: {}, plain: true };
}

const call = message("tools/call", { ...claim, name: "read" });

test("a message with a claim and agreeing headers is of the modern era", () => {
  expect(classify(call, modernHeaders)).toEqual({ era: "modern", protocolVersion: version });
});

test("a message without a claim is of the legacy era, and initialize names the revision", () => {
  expect(classify(message("initialize", { protocolVersion: "2025-11-25" }), none)).toEqual({ era: "legacy", protocolVersion: "2025-11-25" });
  expect(classify(message("tools/list", null), { ...none, version: "2025-06-18" })).toEqual({ era: "legacy", protocolVersion: "2025-06-18" });
});

for (const [what, headers] of [
  ["another version", { ...modernHeaders, version: "2025-11-25" }],
  ["no version", { ...modernHeaders, version: undefined }],
  ["another method", { ...modernHeaders, method: "tools/list" }],
  ["no method", { ...modernHeaders, method: undefined }],
  ["another name", { ...modernHeaders, name: "write" }],
  ["no name", { ...modernHeaders, name: undefined }],
  ["a name that is encoded wrongly", { ...modernHeaders, name: "=?base64?cmVhZ?=" }],
] as const) {
  test(`headers with ${what} do not agree with the body`, () => {
    expect(classify(call, headers)).toMatchObject({ era: "refused", code: -32020 });
  });
}

test("a name in base64 agrees with what it stands for", () => {
  const named = message("tools/call", { ...claim, name: "lesen-ä" });
  const name = `=?base64?${Buffer.from("lesen-ä").toString("base64")}?=`;
  expect(classify(named, { ...modernHeaders, name })).toMatchObject({ era: "modern" });
  expect(decodeHeader("plain")).toBe("plain");
});

test("headers of the modern era are not asked of legacy traffic", () => {
  expect(classify(message("tools/call", { name: "read" }), { version: "2025-11-25", method: "ping", name: "x" })).toMatchObject({ era: "legacy" });
});

test("a request that only its header calls modern lacks its claim", () => {
  expect(classify(message("tools/list", {}), { ...none, version })).toMatchObject({ era: "refused", code: -32602 });
});

test("initialize under a modern header contradicts itself", () => {
  expect(classify(message("initialize", {}), { ...none, version })).toMatchObject({ era: "refused", code: -32020 });
});

test("a notification needs no headers of its own, but must not contradict them", () => {
  const notification = message("notifications/x", claim, "notification");
  expect(classify(notification, none)).toMatchObject({ era: "modern" });
  expect(classify(notification, { ...none, method: "notifications/y" })).toMatchObject({ era: "refused", code: -32020 });
});

test("a version that nobody knows is left for the upstream to refuse", () => {
  const unknown = message("server/discover", { _meta: { "io.modelcontextprotocol/protocolVersion": "v999" } });
  expect(classify(unknown, { version: "v999", method: "server/discover", name: undefined })).toEqual({ era: "modern", protocolVersion: "v999" });
});

import { expect, test } from "vitest";
import { OldClientBridge } from "../../../proxy/era/bridge/old-client.ts";
import type { Step } from "../../../proxy/era/bridge/step.ts";
import type { JsonObject } from "../../../proxy/transport/envelope.ts";

const request = (id: unknown, method: string, params: JsonObject = {}): JsonObject => ({ jsonrpc: "2.0", id, method, params });
const notification = (method: string, params: JsonObject = {}): JsonObject => ({ jsonrpc: "2.0", method, params });
const answer = (id: unknown, result: JsonObject): JsonObject => ({ jsonrpc: "2.0", id, result });
const idOf = (step: Step, method: string): unknown => step.toServer.find((message) => message.method === method)!.id;
const discovered = { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {}, extensions: { "x/y": {} } }, instructions: "how", ttlMs: 5, cacheScope: "public", _meta: { "io.modelcontextprotocol/serverInfo": { name: "s", version: "2" } } };

function begun(capabilities: JsonObject = { sampling: {}, elicitation: {}, roots: {} }): OldClientBridge {
  const bridge = new OldClientBridge();
  const step = bridge.fromClient(request(0, "initialize", { protocolVersion: "2025-06-18", capabilities, clientInfo: { name: "c", version: "1" } }));
  bridge.fromServer(answer(idOf(step, "server/discover"), discovered), 0);
  return bridge;
}

test("initialize is answered from what the server says of itself, in the revision that was asked for", () => {
  for (const [asked, given] of [["2025-06-18", "2025-06-18"], ["2024-11-05", "2024-11-05"], ["1999-01-01", "2025-11-25"]]) {
    const bridge = new OldClientBridge();
    const step = bridge.fromClient(request(0, "initialize", { protocolVersion: asked, capabilities: {}, clientInfo: { name: "c", version: "1" } }));
    const { toClient } = bridge.fromServer(answer(idOf(step, "server/discover"), discovered), 0);
    expect(toClient).toEqual([{ message: answer(0, { protocolVersion: given, capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} }, serverInfo: { name: "s", version: "2" }, instructions: "how" }) }]);
  }
});

test("a server without the newest revision is none for the bridge", () => {
  for (const said of [answer(1, { supportedVersions: ["2025-11-25"] }), { jsonrpc: "2.0", id: 1, error: { code: -32601, message: "what?" } }]) {
    const bridge = new OldClientBridge();
    bridge.fromClient(request(0, "initialize", {}));
    expect(bridge.fromServer(said, 0).toClient).toMatchObject([{ message: { id: 0, error: { code: 50204 } } }]);
  }
});

test("before its session has begun a client gets nothing but that answer", () => {
  const bridge = new OldClientBridge();
  expect(bridge.fromClient(request(1, "tools/list")).toClient).toMatchObject([{ message: { id: 1, error: { code: -32600 } } }]);
});

test("a call carries what the session knows, and its answer nothing that the older protocol does not have", () => {
  const bridge = begun();
  const step = bridge.fromClient(request("x", "tools/call", { name: "t", arguments: { a: 1 }, _meta: { progressToken: "p" } }));
  expect(step.toServer).toEqual([
    {
      jsonrpc: "2.0",
      id: 2,
      method: "tools/call",
      params: {
        name: "t",
        arguments: { a: 1 },
        _meta: {
          progressToken: "p",
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name: "c", version: "1" },
          "io.modelcontextprotocol/clientCapabilities": { sampling: {}, elicitation: {}, roots: {} },
          "io.modelcontextprotocol/logLevel": "info",
        },
      },
    },
  ]);
  const { toClient } = bridge.fromServer(answer(2, { resultType: "complete", content: [], _meta: { "io.modelcontextprotocol/serverInfo": { name: "s", version: "2" }, own: 1 }, ttlMs: 1, cacheScope: "public" }), 0);
  expect(toClient).toEqual([{ message: answer("x", { content: [], _meta: { own: 1 } }) }]);
});

test("the call is made again with all answers and the state byte for byte, and a state alone asks nobody", () => {
  const bridge = begun();
  bridge.fromClient(request("x", "tools/call", { name: "t" }));
  const asked = bridge.fromServer(answer(2, { resultType: "input_required", requestState: "a\u0000b", inputRequests: { one: { method: "roots/list" }, two: { method: "elicitation/create", params: { message: "?" } } } }), 0);
  const [one, two] = asked.toClient.map(({ message }) => message.id);
  expect(asked.toClient).toMatchObject([{ about: "x", message: { method: "roots/list" } }, { about: "x", message: { method: "elicitation/create", params: { message: "?" } } }]);
  expect(bridge.fromClient(answer(two, { action: "decline" })).toServer).toEqual([]);
  const again = bridge.fromClient(answer(one, { roots: [] }));
  expect(again.toServer).toMatchObject([{ method: "tools/call", params: { name: "t", requestState: "a\u0000b", inputResponses: { one: { roots: [] }, two: { action: "decline" } } } }]);
  const third = bridge.fromServer(answer(again.toServer[0]!.id, { resultType: "input_required", requestState: "later" }), 0);
  expect(third.toClient).toEqual([]);
  expect(third.toServer).toMatchObject([{ method: "tools/call", params: { requestState: "later" } }]);
  expect(third.toServer[0]!.params).not.toHaveProperty("inputResponses");
  // An answer that nobody asked for, or that was given before, does nothing.
  expect(bridge.fromClient(answer(one, { roots: [] }))).toEqual({ toServer: [], toClient: [] });
});

for (const [what, capabilities, asked] of [
  ["sampling", { roots: {} }, { method: "sampling/createMessage", params: {} }],
  ["a page to visit, of a client for forms", { elicitation: {} }, { method: "elicitation/create", params: { mode: "url", url: "https://x" } }],
  ["a method that is no question", { roots: {} }, { method: "tools/list" }],
] as const) {
  test(`a server that asks for what the client does not have fails its own call: ${what}`, () => {
    const bridge = begun(capabilities);
    bridge.fromClient(request("x", "tools/call", { name: "t" }));
    expect(bridge.fromServer(answer(2, { resultType: "input_required", inputRequests: { q: asked } }), 0).toClient).toMatchObject([{ message: { id: "x", error: { code: 50202 } } }]);
  });
}

test("a call that is cancelled while its client is asked takes the question back", () => {
  const bridge = begun();
  bridge.fromClient(request("x", "tools/call", { name: "t" }));
  const asked = bridge.fromServer(answer(2, { resultType: "input_required", inputRequests: { q: { method: "roots/list" } } }), 0);
  const step = bridge.fromClient(notification("notifications/cancelled", { requestId: "x" }));
  expect(step.toClient).toMatchObject([{ message: { method: "notifications/cancelled", params: { requestId: asked.toClient[0]!.message.id } } }]);
  expect(bridge.fromClient(answer(asked.toClient[0]!.message.id, { roots: [] })).toServer).toEqual([]);
});

test("what the session keeps itself is answered at once: ping, the log level, tasks that there are none of", () => {
  const bridge = begun();
  expect(bridge.fromClient(request(1, "ping"))).toEqual({ toServer: [], toClient: [{ message: answer(1, {}) }] });
  expect(bridge.fromClient(request(2, "logging/setLevel", { level: "error" })).toServer).toEqual([]);
  expect(bridge.fromClient(request(3, "tools/list")).toServer).toMatchObject([{ params: { _meta: { "io.modelcontextprotocol/logLevel": "error" } } }]);
  expect(bridge.fromClient(request(4, "tasks/get", { taskId: "t" })).toClient).toMatchObject([{ message: { error: { code: -32601 } } }]);
});

test("one stream tells what changes: another takes its place for another subscription, and it is opened again when it ends", () => {
  const bridge = begun();
  const first = bridge.fromClient(notification("notifications/initialized"));
  expect(first.toServer).toMatchObject([{ method: "subscriptions/listen", params: { notifications: { toolsListChanged: true } } }]);
  const tell = (subscriptionId: unknown, method: string, params: JsonObject = {}) => bridge.fromServer(notification(method, { ...params, _meta: { "io.modelcontextprotocol/subscriptionId": subscriptionId } }), 0);
  expect(tell(first.toServer[0]!.id, "notifications/tools/list_changed").toClient).toEqual([{ message: notification("notifications/tools/list_changed") }]);

  const second = bridge.fromClient(request(5, "resources/subscribe", { uri: "u" }));
  expect(second.toClient).toEqual([]);
  expect(second.toServer).toMatchObject([
    { method: "subscriptions/listen", params: { notifications: { toolsListChanged: true, resourceSubscriptions: ["u"] } } },
    { method: "notifications/cancelled", params: { requestId: first.toServer[0]!.id } },
  ]);
  expect(tell(second.toServer[0]!.id, "notifications/subscriptions/acknowledged", { notifications: {} }).toClient).toEqual([{ message: answer(5, {}) }]);
  expect(tell(first.toServer[0]!.id, "notifications/tools/list_changed").toClient).toEqual([]);

  bridge.fromServer({ jsonrpc: "2.0", id: second.toServer[0]!.id, error: { code: 50201, message: "gone" } }, 1000);
  expect(bridge.tick(1999).toServer).toEqual([]);
  expect(bridge.tick(2000).toServer).toMatchObject([{ method: "subscriptions/listen" }]);
});

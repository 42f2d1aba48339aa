import { expect, test } from "vitest";
import { NewClientBridge } from "../../../proxy/era/bridge/new-client.ts";
import type { Step } from "../../../proxy/era/bridge/step.ts";
import type { JsonObject } from "../../../proxy/transport/envelope.ts";
import { randomFrom } from "../../support/random.ts";

const capabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} };
const meta = (more: JsonObject = {}) => ({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": capabilities, "io.modelcontextprotocol/clientInfo": { name: "c", version: "1" }, ...more });
const request = (id: number, method: string, params: JsonObject = {}, more: JsonObject = {}): JsonObject => ({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta(more) } });
const call = (id: number, params: JsonObject = {}, more: JsonObject = {}) => request(id, "tools/call", { name: "t", arguments: {}, ...params }, more);
const asks = (id: unknown, method = "roots/list", params?: JsonObject): JsonObject => ({ jsonrpc: "2.0", id, method, ...(params ? { params } : {}) });
const answer = (id: unknown, result: JsonObject): JsonObject => ({ jsonrpc: "2.0", id, result });
const initialized = answer("signalbox-initialize", { protocolVersion: "2025-11-25", capabilities: { tools: {}, logging: {}, resources: { subscribe: true } }, serverInfo: { name: "s", version: "1" } });

function begun(): { bridge: NewClientBridge; states: string[] } {
  const states: string[] = [];
  const bridge = new NewClientBridge(() => (states.push(`state-${states.length + 1}`), states.at(-1)!));
  bridge.fromClient(request(1, "server/discover"), 0);
  bridge.fromServer(initialized, 0);
  return { bridge, states };
}

const results = ({ toClient }: Step) => toClient.map(({ message }) => message.result as JsonObject);
const sent = ({ toServer }: Step) => toServer.map(({ method, id, result, error }) => [method ?? (result ? "result" : "error"), id, error ? (error as JsonObject).code : undefined].filter((x) => x !== undefined));

test("the session begins with the first request, and what comes meanwhile waits for it", () => {
  const bridge = new NewClientBridge(() => "s");
  const first = bridge.fromClient(call(1), 0);
  expect(first.toServer).toEqual([{ jsonrpc: "2.0", id: "signalbox-initialize", method: "initialize", params: { protocolVersion: "2025-11-25", capabilities, clientInfo: { name: "c", version: "1" } } }]);
  expect(bridge.fromClient(call(2), 0)).toEqual({ toServer: [], toClient: [] });
  expect(sent(bridge.fromServer(initialized, 0))).toEqual([["notifications/initialized"], ["tools/call", 1], ["tools/call", 2]]);
});

test("a server that has no session to begin answers everything with one error", () => {
  const bridge = new NewClientBridge(() => "s");
  bridge.fromClient(call(1), 0);
  const step = bridge.fromServer({ jsonrpc: "2.0", id: "signalbox-initialize", error: { code: -32601, message: "what?" } }, 0);
  expect(step.toClient.map(({ message }) => message)).toMatchObject([{ id: 1, error: { code: 50204 } }]);
  expect(step.toServer).toEqual([]);
});

test("a request loses what only its own revision knows, and its answer gains what that wants", () => {
  const { bridge } = begun();
  const { toServer } = bridge.fromClient(request(2, "tools/list", { cursor: "c" }, { progressToken: 2, traceparent: "00-1" }), 0);
  expect(toServer).toEqual([{ jsonrpc: "2.0", id: 2, method: "tools/list", params: { cursor: "c", _meta: { progressToken: 2, traceparent: "00-1" } } }]);
  expect(results(bridge.fromServer(answer(2, { tools: [] }), 0))).toEqual([{ tools: [], resultType: "complete", ttlMs: 0, cacheScope: "private", _meta: { "io.modelcontextprotocol/serverInfo": { name: "s", version: "1" } } }]);
});

test("questions that come together are asked together, and the call goes on with the last answer", () => {
  const { bridge } = begun();
  bridge.fromClient(call(2), 0);
  expect(bridge.fromServer(asks("a"), 0)).toMatchObject({ toClient: [], tickInMs: 20 });
  bridge.fromServer(asks(7, "sampling/createMessage", { maxTokens: 1 }), 5);
  expect(bridge.tick(19).toClient).toEqual([]);
  const [asked] = results(bridge.tick(20));
  expect(asked).toMatchObject({ resultType: "input_required", requestState: "state-1" });
  const keys = Object.keys(asked!.inputRequests as object);
  expect(Object.values(asked!.inputRequests as object)).toEqual([{ method: "roots/list" }, { method: "sampling/createMessage", params: { maxTokens: 1 } }]);

  const half = bridge.fromClient(call(3, { requestState: "state-1", inputResponses: { [keys[0]!]: { roots: [] } } }), 30);
  expect(sent(half)).toEqual([["result", "a"]]);
  expect(results(half)).toMatchObject([{ resultType: "input_required", requestState: "state-2" }]);
  expect(sent(bridge.fromClient(call(4, { requestState: "state-2", inputResponses: { [keys[1]!]: { model: "m" } } }), 40))).toEqual([["result", 7]]);
  expect(bridge.fromServer(answer(2, { content: [] }), 50).toClient).toMatchObject([{ message: { id: 4, result: { resultType: "complete" } } }]);
});

test("a client comes back to its own call alone, and once", () => {
  const { bridge } = begun();
  bridge.fromClient(call(2), 0);
  bridge.fromServer(asks("a"), 0);
  const [asked] = results(bridge.tick(20));
  const round = { requestState: "state-1", inputResponses: { [Object.keys(asked!.inputRequests as object)[0]!]: { roots: [] } } };
  const refused = (step: Step) => expect(step).toMatchObject({ toServer: [], toClient: [{ message: { error: { code: -32602 } } }] });
  refused(bridge.fromClient(call(3, { ...round, arguments: { other: 1 } }), 30));
  refused(bridge.fromClient(request(4, "prompts/get", { name: "t", arguments: {}, ...round }), 30));
  expect(sent(bridge.fromClient(call(5, round), 30))).toEqual([["result", "a"]]);
  refused(bridge.fromClient(call(6, round), 30));
});

test("an answer that comes while the client is away waits for it, with progress under its new token", () => {
  const { bridge } = begun();
  bridge.fromClient(call(2, {}, { progressToken: 2 }), 0);
  bridge.fromServer(asks("a"), 0);
  const [asked] = results(bridge.tick(20));
  const progress = (n: number) => bridge.fromServer({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 2, progress: n } }, 30).toClient;
  expect(progress(1)).toEqual([]);
  const inputResponses = { [Object.keys(asked!.inputRequests as object)[0]!]: { roots: [] } };
  bridge.fromClient(call(3, { requestState: "state-1", inputResponses }, { progressToken: "p" }), 40);
  expect(progress(2)).toMatchObject([{ about: 3, message: { params: { progressToken: "p", progress: 2 } } }]);
});

test("a call whose client does not come back is cancelled after ten minutes", () => {
  const { bridge } = begun();
  bridge.fromClient(call(2), 0);
  bridge.fromServer(asks("a"), 0);
  bridge.tick(20);
  expect(bridge.tick(599_000).toServer).toEqual([]);
  const late = bridge.tick(600_020);
  expect(sent(late)).toEqual([["error", "a", -32600], ["notifications/cancelled"]]);
  expect(late.toServer[1]).toMatchObject({ params: { requestId: 2 } });
  expect(bridge.fromClient(call(3, { requestState: "state-1", inputResponses: {} }), 600_100).toClient).toMatchObject([{ message: { id: 3, error: { code: -32602 } } }]);
});

test("a question outside of any call waits for the next one, and not for ever", () => {
  const { bridge } = begun();
  expect(bridge.fromServer(asks("a"), 0)).toEqual({ toServer: [], toClient: [] });
  const step = bridge.fromClient(call(2), 10);
  expect(sent(step)).toEqual([["tools/call", 2]]);
  expect(results(bridge.tick(30))).toMatchObject([{ resultType: "input_required" }]);

  const late = begun().bridge;
  late.fromServer(asks("b"), 0);
  // A list can't carry it.
  late.fromClient(request(2, "tools/list"), 10);
  expect(sent(late.tick(30_000))).toEqual([["error", "b", -32600]]);
});

test("what the client did not say it can do it is not asked", () => {
  const bridge = new NewClientBridge(() => "s");
  const bare = call(1);
  (bare.params as { _meta: JsonObject })._meta["io.modelcontextprotocol/clientCapabilities"] = { elicitation: {} };
  bridge.fromClient(bare, 0);
  bridge.fromServer(initialized, 0);
  for (const refused of [asks("a"), asks("b", "sampling/createMessage"), asks("c", "elicitation/create", { mode: "url" }), asks("d", "unheard/of")]) {
    expect(sent(bridge.fromServer(refused, 0))).toEqual([["error", refused.id, -32601]]);
  }
  expect(bridge.fromServer(asks("e", "elicitation/create", {}), 0).tickInMs).toBe(20);
});

test("pages that a server wants visited first are asked for, and the call is made anew", () => {
  const { bridge } = begun();
  bridge.fromClient(call(2), 0);
  const step = bridge.fromServer({ jsonrpc: "2.0", id: 2, error: { code: -32042, message: "visit", data: { elicitations: [{ mode: "url", elicitationId: "e", url: "https://x", message: "log in" }] } } }, 0);
  const [asked] = results(step);
  expect(Object.values(asked!.inputRequests as object)).toEqual([{ method: "elicitation/create", params: { mode: "url", url: "https://x", message: "log in" } }]);
  const key = Object.keys(asked!.inputRequests as object)[0]!;
  expect(sent(bridge.fromClient(call(3, { requestState: "state-1", inputResponses: { [key]: { action: "accept" } } }), 10))).toEqual([["tools/call", 3]]);
  expect(bridge.fromServer(answer(3, { content: [] }), 20).toClient).toMatchObject([{ message: { id: 3, result: { resultType: "complete" } } }]);
});

test("errors that the newest revision does not have become those that it has", () => {
  const { bridge } = begun();
  bridge.fromClient(request(2, "resources/read", { uri: "x" }), 0);
  expect(bridge.fromServer({ jsonrpc: "2.0", id: 2, error: { code: -32002, message: "no", data: { uri: "x" } } }, 0).toClient).toEqual([{ message: { jsonrpc: "2.0", id: 2, error: { code: -32602, message: "no", data: { uri: "x" } } } }]);
});

test("a level is told to the server before the first call that wants it, and the call waits until it is known", () => {
  const { bridge } = begun();
  const level = (name: string) => ({ "io.modelcontextprotocol/logLevel": name });
  const first = bridge.fromClient(call(2, {}, level("debug")), 0);
  expect(first.toServer).toMatchObject([{ method: "logging/setLevel", params: { level: "debug" } }]);
  expect(sent(bridge.fromServer(answer(first.toServer[0]!.id, {}), 0))).toEqual([["tools/call", 2]]);
  expect(sent(bridge.fromClient(call(3, {}, level("debug")), 0))).toEqual([["tools/call", 3]]);
  const logged = bridge.fromServer({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } }, 0);
  expect(logged.toClient).toMatchObject([{ about: 3 }]);
});

test("a resource that two streams listen to is subscribed to once, until the last of them ends", () => {
  const { bridge } = begun();
  const listen = (id: number) => bridge.fromClient(request(id, "subscriptions/listen", { notifications: { resourceSubscriptions: ["u"], toolsListChanged: true } }), 0);
  const first = listen(2);
  expect(first.toServer).toMatchObject([{ method: "resources/subscribe", params: { uri: "u" } }]);
  // The server never said that its tools change.
  expect(first.toClient).toMatchObject([{ about: 2, message: { method: "notifications/subscriptions/acknowledged", params: { notifications: { resourceSubscriptions: ["u"] }, _meta: { "io.modelcontextprotocol/subscriptionId": 2 } } } }]);
  expect(JSON.stringify(first.toClient)).not.toContain("toolsListChanged");
  expect(listen(3).toServer).toEqual([]);
  expect(bridge.fromServer({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: "u" } }, 0).toClient.map(({ about }) => about)).toEqual([2, 3]);
  const cancel = (id: number) => bridge.fromClient({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }, 0).toServer;
  expect(cancel(2)).toEqual([]);
  expect(cancel(3)).toMatchObject([{ method: "resources/unsubscribe" }]);
});

for (let seed = 1; seed <= 30; seed++) {
  test(`whatever happens in whatever order, a request has one answer, and a question no more than one (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
    const { bridge } = begun();
    const open = new Map<number, JsonObject>();
    const suspended: { state: string; params: JsonObject; keys: string[] }[] = [];
    const atServer = new Set<unknown>();
    const unanswered = new Set<unknown>();
    let id = 1;
    let now = 0;
    const take = (step: Step): void => {
      for (const message of step.toServer) {
        if (message.method === "tools/call") atServer.add(message.id);
        else if (message.method === "notifications/cancelled") atServer.delete((message.params as JsonObject).requestId);
        else if (message.method === undefined) {
          expect(unanswered.delete(message.id)).toBe(true);
        }
      }
      for (const { message } of step.toClient) {
        const params = open.get(message.id as number);
        expect(params).toBeDefined();
        open.delete(message.id as number);
        const result = message.result as JsonObject | undefined;
        if (result?.resultType === "input_required") suspended.push({ state: String(result.requestState), params: params!, keys: Object.keys(result.inputRequests as object) });
      }
    };
    for (let i = 0; i < 300; i++) {
      now += Math.floor(random() * 40);
      const what = random();
      if (what < 0.3) {
        const params = { name: "t", arguments: { n: Math.floor(random() * 3) } };
        open.set(++id, params);
        take(bridge.fromClient(request(id, "tools/call", params), now));
      } else if (what < 0.5) {
        const question = `q${i}`;
        unanswered.add(question);
        take(bridge.fromServer(asks(question), now));
      } else if (what < 0.7) {
        const back = pick(suspended);
        if (!back) continue;
        open.set(++id, back.params);
        const answered = back.keys.filter(() => random() < 0.8);
        take(bridge.fromClient(request(id, "tools/call", { ...back.params, requestState: back.state, inputResponses: Object.fromEntries(answered.map((key) => [key, { roots: [] }])) }), now));
      } else if (what < 0.85) {
        const done = pick([...atServer]);
        if (done === undefined) continue;
        atServer.delete(done);
        take(bridge.fromServer(answer(done, { content: [] }), now));
      } else if (what < 0.9) {
        const gone = pick([...open.keys()]);
        if (gone === undefined) continue;
        open.delete(gone);
        take(bridge.fromClient({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: gone } }, now));
      } else take(bridge.tick(now));
    }
    take(bridge.tick(now + 100));
    for (const done of [...atServer]) take(bridge.fromServer(answer(done, { content: [] }), now + 200));
    expect([...open.keys()]).toEqual([]);
    // Nothing that the server asked is left without an answer, be it that nobody could be asked.
    take(bridge.tick(now + 700_000));
    expect([...unanswered]).toEqual([]);
  });
}

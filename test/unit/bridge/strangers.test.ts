import { expect, test } from "vitest";
import { NewClientBridge } from "../../../proxy/era/bridge/new-client.ts";
import { OldClientBridge } from "../../../proxy/era/bridge/old-client.ts";
import type { EraBridge, Step } from "../../../proxy/era/bridge/step.ts";
import type { JsonObject } from "../../../proxy/transport/envelope.ts";
import { randomFrom } from "../../support/random.ts";

/** Names that the bridges know, and values that no name of theirs ever has. */
const methods = ["initialize", "server/discover", "subscriptions/listen", "tools/call", "tools/list", "prompts/get", "resources/subscribe", "logging/setLevel", "ping", "tasks/get", "roots/list", "sampling/createMessage", "elicitation/create", "notifications/cancelled", "notifications/progress", "notifications/message", "notifications/initialized", "notifications/resources/updated", "notifications/tools/list_changed", "notifications/subscriptions/acknowledged", "notifications/signalbox/begun_again", "x"];
const names = ["result", "error", "resultType", "inputRequests", "inputResponses", "requestState", "notifications", "resourceSubscriptions", "capabilities", "supportedVersions", "protocolVersion", "code", "message", "data", "elicitations", "url", "uri", "mode", "level", "requestId", "progressToken", "_meta", "io.modelcontextprotocol/subscriptionId", "io.modelcontextprotocol/logLevel", "io.modelcontextprotocol/clientCapabilities", "method", "params", "sampling", "roots", "elicitation", "tools", "resources", "subscribe", "listChanged", "__proto__", "constructor", "toString"];
const words = ["input_required", "complete", "2026-07-28", "2025-11-25", "debug", "signalbox-1", "signalbox-2", "signalbox-initialize", "state", "url", "a", ...methods];
const numbers = [0, 1, 2, 3, 4, -32042, -32601, -32002, 1.5, 2 ** 60];

for (let seed = 1; seed <= 40; seed++) {
  test(`whatever either side says, a bridge does not throw, and what it says can be written (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const value = (depth: number): unknown => {
      const what = random();
      if (depth === 0 || what < 0.4) return pick<unknown>([pick(words), pick(words), pick(numbers), pick(numbers), true, null]);
      if (what < 0.5) return Array.from({ length: Math.floor(random() * 3) }, () => value(depth - 1));
      return Object.fromEntries(Array.from({ length: Math.floor(random() * 5) }, () => [pick(names), value(depth - 1)]));
    };
    const message = (): JsonObject => {
      const parts: [string, unknown][] = [["jsonrpc", "2.0"]];
      if (random() < 0.7) parts.push(["id", pick<unknown>([pick(numbers), pick(words), value(1)])]);
      if (random() < 0.6) parts.push(["method", pick(methods)]);
      if (random() < 0.7) parts.push(["params", value(4)]);
      if (random() < 0.4) parts.push(["result", value(4)]);
      if (random() < 0.3) parts.push(["error", value(3)]);
      // As it would be read off the wire, where `__proto__` is a name like any other.
      return JSON.parse(JSON.stringify(Object.fromEntries(parts))) as JsonObject;
    };
    const bridges: EraBridge[] = [new OldClientBridge(), new NewClientBridge(() => "state")];
    const sound = (step: Step): void => {
      for (const said of [...step.toServer, ...step.toClient.map((one) => one.message)]) {
        expect(said.jsonrpc).toBe("2.0");
        expect(JSON.parse(JSON.stringify(said))).toBeTypeOf("object");
      }
    };
    for (let i = 0; i < 400; i++) {
      for (const bridge of bridges) {
        sound(random() < 0.5 ? bridge.fromClient(message(), i * 10) : bridge.fromServer(message(), i * 10));
        if (i % 7 === 0) sound(bridge.tick(i * 10));
      }
    }
  });
}

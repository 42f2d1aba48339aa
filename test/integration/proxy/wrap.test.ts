import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createDeciders } from "../../../proxy/state/deciders.ts";
import { systemActor } from "../../../proxy/state/command.ts";
import { createControlHub } from "../../../proxy/state/hub.ts";
import { fixtureStdio } from "../../support/mcp-fixture.ts";
import { startOtlpSink, type OtlpSink } from "../../support/otlp-sink.ts";
import { startStack, type Stack } from "../../support/stack.ts";
import { legacyStdio, modernStdio, rawStdio } from "../../support/stdio-client.ts";
import { waitFor } from "../../support/wait.ts";

let stack: Stack;
let sink: OtlpSink;
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Files and keys as a proxy has them, and no proxy. */
async function start(servers: readonly string[] = ["local"]): Promise<void> {
  sink = await startOtlpSink({ keep: true });
  stack = await startStack({
    roles: [],
    servers: servers.map((name) => ({ name, owner: "me", lifecycle: "approved", riskTier: "high", endpoint: { transport: "stdio", ...fixtureStdio } })),
    rules: [
      { id: "everything", effect: "allow", match: { methods: ["*"] } },
      { id: "no-images", effect: "deny", match: { tools: ["test_image_content"] } },
      { id: "ask-a-person", effect: "hold", match: { tools: ["test_audio_content"] } },
    ],
    agents: ["desktop"],
    config: { collector: { url: sink.url } },
  });
  closing.push(() => sink.stop(), () => stack.stop());
}

const wrap = (...more: string[]) => ({
  args: ["--config", stack.configFile, "wrap", ...more, "--", fixtureStdio.command, ...fixtureStdio.args],
  env: { SIGNALBOX_KEY: stack.keys.get("desktop")!, SIGNALBOX_LOG_LEVEL: "error" },
});

for (const [era, connect] of [
  ["old", legacyStdio],
  ["new", modernStdio],
] as const) {
  test(`a wrapped server serves a client of the ${era} era under the policy, and its calls reach the collector`, async () => {
    await start();
    const client = await connect(wrap());
    closing.push(() => client.close());
    expect(JSON.stringify(await client.callTool({ name: "test_simple_text", arguments: {} }))).toContain("text");
    const denied = await client.callTool({ name: "test_image_content", arguments: {} });
    expect(denied).toMatchObject({ isError: true });
    expect(JSON.stringify(denied)).toContain("Denied by policy");
    // Nobody could be asked.
    expect(await client.callTool({ name: "test_audio_content", arguments: {} })).toMatchObject({ isError: true });
    await client.close();
    const calls = await waitFor("the records", () => {
      const found = sink.spans.filter((a) => a["mcp.method.name"] === "tools/call" && a["signalbox.decision"] !== undefined);
      return found.length >= 3 ? found : null;
    });
    expect(calls.map((a) => [a["gen_ai.tool.name"], a["signalbox.decision"], a["signalbox.outcome"]])).toEqual([
      ["test_simple_text", "allow", "ok"],
      ["test_image_content", "deny", "denied"],
      ["test_audio_content", "deny", "denied"],
    ]);
    expect(calls[0]).toMatchObject({ "signalbox.server": "local", "signalbox.agent": "desktop", "network.transport": "pipe" });
  });
}

test("a stop in the control journal holds for a wrapped server, from within a moment of when it was set", async () => {
  await start();
  const client = await legacyStdio(wrap());
  closing.push(() => client.close());
  expect(await client.callTool({ name: "test_simple_text", arguments: {} })).not.toHaveProperty("isError", true);
  const hub = await createControlHub({ dir: join(stack.dataDir, "control"), deciders: createDeciders({}), clock: systemClock, logger: silentLogger });
  closing.push(() => hub.stop());
  await hub.submit({ kind: "stop.set", scope: { server: "local" }, reason: "incident" }, { ...systemActor, roles: ["operator"] });
  await waitFor("the stop", async () => {
    const result = await client.callTool({ name: "test_simple_text", arguments: {} });
    return result.isError === true && JSON.stringify(result).includes("stopped");
  });
});

test("two are wrapped at once, each with a chain of its own, and the next one takes up a chain that is free", async () => {
  await start();
  const spools = () => readdirSync(join(stack.dataDir, "spool")).sort();
  const both = [await legacyStdio(wrap()), await legacyStdio(wrap())];
  closing.push(...both.map((client) => () => client.close()));
  expect(spools()).toEqual(["wrap-0", "wrap-1"]);
  for (const client of both) await client.close();
  const third = await legacyStdio(wrap());
  await third.close();
  expect(spools()).toEqual(["wrap-0", "wrap-1"]);
});

test("what is not registered is not started, and neither is anything under another server's name", async () => {
  await start(["local", "other"]);
  const { env } = wrap();
  const refused = async (...args: string[]) => {
    const one = rawStdio({ args: ["--config", stack.configFile, "wrap", ...args], env });
    expect(await one.exited).toBe(1);
    expect(one.lines).toEqual([]);
    return one.stderr();
  };
  expect(await refused("--", "node", "/tmp/unknown-server.js")).toContain("no server of the registry is started by this command");
  expect(await refused("--server", "local", "--", "node", "/tmp/unknown-server.js")).toContain("local of the registry is not started by this command");
  expect(await refused("--", fixtureStdio.command, ...fixtureStdio.args)).toContain("--server");
  const named = rawStdio(wrap("--server", "other"));
  named.child.stdin.end();
  expect(await named.exited).toBe(0);
});

test("without a key nothing is started", async () => {
  await start();
  const one = rawStdio({ ...wrap(), env: {} });
  expect(await one.exited).toBe(1);
  expect(one.stderr()).toContain("no key to call with");
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../collector/kernel/clock.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { chooseVersion } from "../../../proxy/registry/rollout.ts";
import { serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";
import { startStdioHost } from "../../../proxy/upstream/host/host.ts";
import { createUpstreams, type Upstreams } from "../../../proxy/upstream/upstreams.ts";
import { readWhole } from "../../support/http-response.ts";
import { answerJson, idOf, startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";
import { waitFor } from "../../support/wait.ts";

const odd = { transport: "stdio", command: process.execPath, args: [fileURLToPath(new URL("../../fixtures/stdio-odd.ts", import.meta.url)), "echo"] };
const entryOf = (over: object): ServerEntry => serverEntrySchema.parse({ name: "server", version: "1", lifecycle: "approved", ...over });

let dir: string;
let upstreams: Upstreams;
let entry: ServerEntry;
const running: Stoppable[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  upstreams = createUpstreams({ dataDir: dir, env: {}, stdioSocket: join(dir, "stdio.sock") });
});
afterEach(async () => {
  await upstreams.stop();
  for (const one of running.splice(0)) await one.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly result: Record<string, unknown>;
  readonly sessionId: string;
}

async function post(version: string | undefined, message: object, sessionId?: string): Promise<Answer> {
  const upstream = upstreams.of(entry, version);
  const { status, headers, body } = await readWhole(upstream.client, {
    path: upstream.path,
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18", ...(sessionId ? { "mcp-session-id": sessionId } : {}) },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  });
  const text = body.toString();
  const json = text.startsWith("{") ? text : (/^data: (.*)$/m.exec(text)?.[1] ?? "{}");
  return { status, result: (JSON.parse(json) as { result?: Record<string, unknown> }).result ?? {}, sessionId: String(headers["mcp-session-id"] ?? "") };
}

const initialize = { id: 0, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } } };
const alive = (pid: unknown): boolean => {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
};

describe("versions of a stdio server", () => {
  async function startHost(): Promise<void> {
    running.push(
      await startStdioHost({
        socketPath: join(dir, "stdio.sock"),
        registry: () => ({ revision: "r", servers: new Map([[entry.name, entry]]) }),
        dataDir: dir,
        env: process.env,
        clock: systemClock,
        logger: silentLogger,
        maxBodyBytes: 1024 * 1024,
        maxResultBytes: 1024 * 1024,
      }),
    );
  }

  it("run side by side, each with processes of its own, and a session stays with its version", async () => {
    entry = entryOf({ endpoint: odd, rollout: [{ version: "2/beta", weight: 10, endpoint: odd }] });
    await startHost();
    const [first, second] = [await post(undefined, initialize), await post("2/beta", initialize)];
    expect(first.status).toBe(200);
    expect(first.result.pid).not.toBe(second.result.pid);
    expect((await post("1", { id: 1, method: "tools/list" }, first.sessionId)).result.pid).toBe(first.result.pid);
    expect((await post("2/beta", { id: 1, method: "tools/list" }, second.sessionId)).result.pid).toBe(second.result.pid);
    expect((await post("1", { id: 2, method: "tools/list" }, second.sessionId)).status).toBe(404);
  });

  it("end once they are retired, and the others go on", async () => {
    const rollout = { version: "2", endpoint: odd };
    entry = entryOf({ endpoint: odd, rollout: [rollout] });
    await startHost();
    const [first, second] = [await post("1", initialize), await post("2", initialize)];
    const stale = upstreams.of(entry, "2");
    entry = entryOf({ endpoint: odd, rollout: [{ ...rollout, lifecycle: "retired" }] });
    expect((await post("1", { id: 1, method: "tools/list" }, first.sessionId)).result.pid).toBe(first.result.pid);
    await waitFor("the retired version's process to end", () => !alive(second.result.pid));
    // A worker that has not heard of it yet.
    const late = await readWhole(stale.client, { path: stale.path, body: JSON.stringify({ jsonrpc: "2.0", ...initialize }) });
    expect(late.status).toBe(404);
  });
});

describe("versions behind URLs", () => {
  const stubs: StubUpstream[] = [];
  async function stub(name: string): Promise<StubUpstream> {
    const one = await startStubUpstream();
    one.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { name } });
    stubs.push(one);
    running.push(one);
    return one;
  }

  it("get the share of calls that their weight says, and those of the agents that are pinned to them", async () => {
    const [one, two] = [await stub("one"), await stub("two")];
    entry = entryOf({
      endpoint: { transport: "streamable-http", url: one.url },
      rollout: [{ version: "2", weight: 30, agents: ["canary"], endpoint: { transport: "streamable-http", url: two.url } }],
    });
    const seen: unknown[] = [];
    for (let task = 0; task < 200; task++) seen.push((await post(chooseVersion(entry, { agent: "a", key: `t${task}` }).version, { id: task, method: "ping" })).result.name);
    const share = seen.filter((name) => name === "two").length / seen.length;
    expect(share).toBeGreaterThan(0.18);
    expect(share).toBeLessThan(0.42);
    for (let task = 0; task < 20; task++) expect((await post(chooseVersion(entry, { agent: "canary", key: `t${task}` }).version, { id: task, method: "ping" })).result.name).toBe("two");
  });

  it("are the same upstream each time, and one that is retired or unknown is none", async () => {
    const one = await stub("one");
    entry = entryOf({ endpoint: { transport: "streamable-http", url: one.url }, rollout: [{ version: "2", lifecycle: "retired", endpoint: { transport: "streamable-http", url: one.url } }] });
    expect(upstreams.of(entry)).toBe(upstreams.of(entry, "1"));
    expect(() => upstreams.of(entry, "2")).toThrow("has no version 2");
    expect(() => upstreams.of(entry, "3")).toThrow("has no version 3");
  });

  it("are reached again after their connections had to make room for those of many others", async () => {
    const one = await stub("one");
    const at = (url: string) => entryOf({ endpoint: { transport: "streamable-http", url } });
    entry = at(one.url);
    const before = upstreams.of(entry);
    for (let port = 1; port <= 2100; port++) upstreams.of(at(`http://127.0.0.1:${port}/mcp`));
    expect(upstreams.of(entry)).not.toBe(before);
    expect((await post("1", { id: 1, method: "ping" })).result.name).toBe("one");
  });
});

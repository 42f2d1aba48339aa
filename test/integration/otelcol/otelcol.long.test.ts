import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as semconv from "../../../collector/record/semconv.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { encodeProtobuf } from "../../golden/receive/encode-protobuf.ts";
import type { TestEngine } from "../../support/engine.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { noOtelcol, otelcolBinary, otelcolConfig, startOtelcol, type TestOtelcol } from "../../support/otelcol.ts";
import { httpServer } from "../../support/proxy-app.ts";
import { signalbox } from "../../support/run-command.ts";
import { freePorts, startStack, type Stack } from "../../support/stack.ts";
import { startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";
import { waitFor } from "../../support/wait.ts";
import { auditBatch, TOTALS, totalsOf, type Batch } from "../receive/spans.ts";

const config = parse(readFileSync(otelcolConfig, "utf8"), { merge: true }) as {
  processors: { redaction: { ignored_keys: string[]; ignored_key_patterns: string[] } };
};

describe("the collector's configuration", () => {
  it("leaves exactly those attributes alone that a proxy writes", () => {
    const { ignored_keys, ignored_key_patterns } = config.processors.redaction;
    const ours = new RegExp(ignored_key_patterns.join("|"));
    const written = Object.values(semconv);
    expect(ignored_keys.toSorted()).toEqual(written.filter((key) => !ours.test(key)).sort());
    expect(written.filter((key) => ours.test(key)).every((key) => key.startsWith("signalbox."))).toBe(true);
  });
});

if (noOtelcol !== undefined) process.stderr.write(`skipped the tests with the real collector: ${noOtelcol}\n`);

describe.skipIf(noOtelcol !== undefined)("the real collector", () => {
  const running: { stop(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  });
  const stoppedLater = <T extends { stop(): Promise<unknown> }>(one: T): T => {
    running.push(one);
    return one;
  };

  async function start(): Promise<{ engine: TestEngine; store: Store; otelcol: TestOtelcol }> {
    const [port] = await freePorts(1);
    const engine = stoppedLater(await startMigratedEngine({ port }));
    const store = createStoreClient({ url: engine.url, caller: "test" });
    stoppedLater({ stop: () => store.close() });
    const otelcol = stoppedLater(await startOtelcol({ url: engine.url, username: "default", password: "", database: "signalbox" }));
    return { engine, store, otelcol };
  }

  const protobuf = { "content-type": "application/x-protobuf" };
  const send = async (otelcol: TestOtelcol, batch: Batch): Promise<void> => {
    const headers = { ...protobuf, "x-signalbox-batch": batch.name };
    expect((await fetch(`${otelcol.auditUrl}/v1/traces`, { method: "POST", headers, body: batch.body as never })).status).toBe(200);
  };

  it("finds its configuration valid", async () => {
    await promisify(execFile)(otelcolBinary, ["validate", "--config", otelcolConfig]);
  });

  it("stores a batch once in every table, however often it comes", async () => {
    const { store, otelcol } = await start();
    const [one, two] = [auditBatch("p1", 1, 200), auditBatch("p1", 201, 250)];
    for (const batch of [one, one, two, one, two]) await send(otelcol, batch);
    // At once, so that several of the exporter's consumers have the same one in hand.
    await Promise.all([one, two, one, two].map((batch) => send(otelcol, batch)));
    await otelcol.settled();
    expect(await otelcol.delivered()).toBe(2 * (3 * 200 + 2 * 50 + 2 * 250));
    expect(await store.query(TOTALS)).toEqual([totalsOf(250)]);
  });

  it("loses and doubles nothing of what it has acknowledged when the store and then itself are killed", async () => {
    const { engine, store, otelcol } = await start();
    const batches = Array.from({ length: 8 }, (_, i) => auditBatch("p1", i * 100 + 1, i * 100 + 100));
    await send(otelcol, batches[0] as Batch);
    await otelcol.settled();
    await engine.kill("SIGKILL");
    // Among them one that the store has, one that comes twice and one that comes again after the collector's own end.
    for (const batch of [...batches.slice(0, 6), batches[2] as Batch]) await send(otelcol, batch);
    await otelcol.kill("SIGKILL");
    await engine.restart();
    await otelcol.restart();
    for (const batch of batches.slice(5)) await send(otelcol, batch);
    await otelcol.settled();
    // All of them, since the process that is gone had not delivered any.
    expect(await otelcol.delivered()).toBe(2 * 100 * (7 + 3));
    expect(await store.query(TOTALS)).toEqual([totalsOf(800)]);
  });

  it("stores a batch once when it or the store is killed while it delivers", async () => {
    const { engine, store, otelcol } = await start();
    for (let round = 0; round < 4; round++) {
      const batches = Array.from({ length: 4 }, (_, i) => auditBatch("p1", (round * 4 + i) * 500 + 1, (round * 4 + i + 1) * 500));
      for (const batch of batches) await send(otelcol, batch);
      const victim = round % 2 === 0 ? otelcol : engine;
      await victim.kill("SIGKILL");
      await victim.restart();
      // What a proxy does that did not hear the answer.
      for (const batch of batches) await send(otelcol, batch);
    }
    await otelcol.settled();
    expect(await store.query(TOTALS)).toEqual([totalsOf(8000)]);
  });

  it("masks secrets of other senders, and nothing that a proxy writes", async () => {
    const { store, otelcol } = await start();
    const secret = "Bearer abcdefghijklmnopqrstuvwxyz";
    const attributes = {
      "http.request.header.authorization": "whatever",
      "db.password": "hunter2",
      "note": `sent with ${secret}`,
      "card": "4111 1111 1111 1111",
      "gen_ai.tool.name": secret,
      "signalbox.agent": secret,
      "plain": "kept",
    };
    const span = {
      traceId: "5b8efff798038103d269b633813fc60c",
      spanId: "eee19b7ec3c1b174",
      name: "s",
      kind: 1,
      startTimeUnixNano: "1790000000000000000",
      endTimeUnixNano: "1790000000000000000",
      attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
    };
    for (const url of [otelcol.spansUrl, otelcol.auditUrl]) {
      const body = encodeProtobuf({ resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, name: url === otelcol.auditUrl ? "audit" : "spans" }] }] }] });
      expect((await fetch(`${url}/v1/traces`, { method: "POST", headers: protobuf, body: body as never })).status).toBe(200);
    }
    await otelcol.settled();
    const masked = { ...attributes, "http.request.header.authorization": "****", "db.password": "****", note: "sent with ****", card: "****" };
    expect(await store.query("SELECT SpanName AS name, SpanAttributes AS attributes FROM otel_traces ORDER BY name")).toEqual([
      { name: "audit", attributes: masked },
      { name: "spans", attributes: masked },
    ]);
  });

  it("carries a proxy's records, whose chain then verifies", async () => {
    const upstream: StubUpstream = stoppedLater(await startStubUpstream());
    const [port] = (await freePorts(1)) as [number];
    const storeUrl = `http://127.0.0.1:${port}`;
    const otelcol = stoppedLater(await startOtelcol({ url: storeUrl, username: "default", password: "", database: "signalbox" }));
    const stack: Stack = stoppedLater(
      await startStack({
        roles: ["store"],
        servers: [httpServer(upstream.url) as Record<string, unknown>],
        rules: [{ id: "some", effect: "allow", match: { agents: ["tester"], tools: ["read"] } }],
        agents: ["tester"],
        config: { store: { port }, collector: { url: otelcol.auditUrl }, proxy: { workers: 2 } },
      }),
    );
    const run = (...args: string[]) => signalbox(["--config", stack.configFile, ...args], { cwd: stack.dir });
    expect((await run("migrate")).code).toBe(0);
    await stack.start("proxy");
    const authorization = `Bearer ${stack.keys.get("tester")}`;
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream", authorization, connection: "close" };
    const calls = 60;
    for (let id = 1; id <= calls; id++) {
      // Every third is denied, and arguments look like secrets, which a redaction after the fact would change.
      const params = { name: id % 3 === 0 ? "delete" : "read", arguments: { id, header: "Bearer abcdefghijklmnopqrstuvwxyz" } };
      await (await fetch(`${stack.proxyUrl}/mcp/fixture`, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }) })).text();
    }
    const client = createStoreClient({ url: storeUrl, caller: "test" });
    stoppedLater({ stop: () => client.close() });
    const counted = "SELECT decision, count() AS n FROM calls WHERE method = 'tools/call' GROUP BY decision ORDER BY decision";
    const expected = [{ decision: "allow", n: String((calls * 2) / 3) }, { decision: "deny", n: String(calls / 3) }];
    await waitFor("all calls", async () => JSON.stringify(await client.query(counted)) === JSON.stringify(expected), { timeoutMs: 60_000 });
    const verified = await run("audit", "verify");
    expect([verified.code, verified.stderr]).toEqual([0, ""]);
    expect(await client.query("SELECT sum(calls) AS n FROM calls_1m WHERE method = 'tools/call'")).toEqual([{ n: String(calls) }]);
  });
});

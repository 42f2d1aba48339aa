import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { payloadsDir, workerDirs, names } from "../../../collector/payload/files.ts";
import type { PayloadRow } from "../../../collector/payload/payload.ts";
import { applyRetention } from "../../../collector/store/apply-retention.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { retentionSchema } from "../../../collector/store/retention.ts";
import { httpServer } from "../../support/proxy-app.ts";
import { signalbox, type CommandResult } from "../../support/run-command.ts";
import { startStack, type Stack } from "../../support/stack.ts";
import { answerJson, idOf, startStubUpstream, type StubUpstream } from "../../support/stub-upstream.ts";
import { waitFor } from "../../support/wait.ts";

const QUESTION = "what does the heron eat";
/** An escape sequence that sets a terminal's title, and a mark that turns text around. */
const HOSTILE = "\u001b]0;owned\u0007 fish \u202e and frogs";

type Config = Record<string, Record<string, unknown>>;

let upstream: StubUpstream;
let stack: Stack;
let store: Store;
let started: Config;

const dir = mkdtempSync(join(tmpdir(), "signalbox-payloads-"));
const keyFile = (name: string, text: string): void => writeFileSync(join(dir, name), `${text}\n`, { mode: 0o600 });
const encryption = (...keys: [id: string, file: string][]): Config => ({ payloads: { minFreeBytes: 0, encryption: { keys: keys.map(([id, file]) => ({ id, key: `\${file:${file}}` })) } } });

beforeAll(async () => {
  keyFile("k1.key", randomBytes(32).toString("base64"));
  keyFile("k2.key", randomBytes(32).toString("hex"));
  upstream = await startStubUpstream();
  upstream.answer = (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { content: [{ type: "text", text: HOSTILE }] } });
  const tools = { ask: { effect: "read", trusted: true } };
  stack = await startStack({
    dir,
    roles: ["store", "collector", "proxy"],
    servers: [httpServer(upstream.url, { name: "kept", tools, payloads: { record: "both" } }), httpServer(upstream.url, { name: "quiet", tools })] as Record<string, unknown>[],
    rules: [{ id: "all", effect: "allow", match: { servers: ["*"], methods: ["*"] } }],
    agents: ["tester"],
    config: { proxy: { workers: 1 }, ...encryption(["k1", "k1.key"]) },
  });
  started = parse(readFileSync(stack.configFile, "utf8")) as Config;
  store = createStoreClient({ url: stack.storeUrl, caller: "test" });
}, 120_000);

afterAll(async () => {
  await store?.close();
  await stack?.stop();
  await upstream?.stop();
});

async function ask(server: string): Promise<void> {
  const response = await fetch(`${stack.proxyUrl}/mcp/${server}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", authorization: `Bearer ${stack.keys.get("tester") ?? ""}` },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask", arguments: { question: QUESTION }, _meta: { progressToken: "p1" } } }),
  });
  expect(await response.json()).toMatchObject({ result: { content: [{ text: HOSTILE }] } });
}

/** The last call to a server, once the store has it. */
const lastCall = (server: string, atLeast: number): Promise<string> =>
  waitFor(`call ${atLeast} to ${server}`, async () => {
    const rows = await store.query<{ call_id: string }>("SELECT call_id FROM calls WHERE server = {server:String} AND method = 'tools/call' ORDER BY seq", { server });
    return rows.length >= atLeast && rows.at(-1)?.call_id;
  });
const rowsOf = (call: string): Promise<PayloadRow[]> => store.query("SELECT * FROM payloads FINAL WHERE concat(producer, '-', toString(seq)) = {call:String} ORDER BY kind", { call });
const kept = (call: string): Promise<PayloadRow[]> => waitFor(`payloads of ${call}`, async () => {
  const rows = await rowsOf(call);
  return rows.length === 2 && rows;
});

/** The command with another configuration than the proxy's. */
function payload(call: string, changed: Config = {}, ...flags: string[]): Promise<CommandResult> {
  const file = join(dir, "reader.yaml");
  writeFileSync(file, stringify({ ...started, ...changed }));
  return signalbox(["--config", file, "payload", call, ...flags]);
}

let call: string;

test("nothing is kept of a server whose entry does not ask for it", async () => {
  await ask("quiet");
  await ask("kept");
  const quiet = await lastCall("quiet", 1);
  call = await lastCall("kept", 1);
  await kept(call);
  expect(await rowsOf(quiet)).toEqual([]);
  const none = await payload(quiet);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining(`nothing was kept of what ${quiet} said`)]);
});

test("what was kept is encrypted, in the table and nowhere else in clear", async () => {
  const [asked, answered] = await kept(call);
  expect(asked).toMatchObject({ kind: "arguments", server: "kept", method: "tools/call", tool: "ask", risk_tier: "low", key_id: "k1", truncated: false, content_type: "application/json" });
  expect(answered).toMatchObject({ kind: "result", key_id: "k1" });
  for (const row of [asked!, answered!]) {
    expect(row.body + Buffer.from(row.body, "base64").toString("latin1")).not.toMatch(/heron|frogs/);
    expect(JSON.stringify(row)).not.toMatch(/heron|frogs/);
  }
  // The batches are gone once the store has them.
  await waitFor("an empty folder of batches", async () => {
    const dirs = await workerDirs(payloadsDir(stack.dataDir));
    return dirs.length === 1 && (await names(dirs[0]!.path)).length === 0;
  });
});

test("the command decrypts it, and shows hostile text as text", async () => {
  const shown = await payload(call);
  expect(shown).toMatchObject({ code: 0, stderr: "" });
  expect(shown.stdout).toContain(`arguments of ${call} (tools/call ask on kept,`);
  expect(shown.stdout).toContain(`  {"name":"ask","arguments":{"question":"${QUESTION}"}}`);
  expect(shown.stdout).toMatch(/encrypted with k1/);
  expect(shown.stdout).toContain("⟦U+202E⟧ and frogs");
  expect(shown.stdout).not.toMatch(/[\u001b\u0007\u202e]/);

  const json = await payload(call, {}, "--json");
  expect(json.stdout).not.toMatch(/[\u001b\u0007\u202e]/);
  const [asked, answered] = JSON.parse(json.stdout) as { kind: string; text: string; size: string }[];
  expect(JSON.parse(asked?.text ?? "")).toEqual({ name: "ask", arguments: { question: QUESTION } });
  expect(JSON.parse(answered?.text ?? "")).toMatchObject({ result: { content: [{ text: HOSTILE }] } });
});

test("another key, none and a missing one are each told apart", async () => {
  const other = await payload(call, encryption(["k1", "k2.key"]));
  expect([other.code, other.stderr]).toEqual([1, expect.stringContaining(`the key k1 does not open the arguments of ${call}`)]);
  const none = await payload(call, { payloads: {} });
  expect(none.stderr).toContain("encrypted with the key k1, which payloads.encryption.keys does not name");
  const missing = await payload(call, encryption(["k1", "gone.key"]));
  expect(missing.stderr).toContain("the payloads' key k1: the file gone.key is missing or empty");
  keyFile("short.key", "c2hvcnQ=");
  const short = await payload(call, encryption(["k1", "short.key"]));
  expect(short.stderr).toMatch(/is not 32 bytes[^]*openssl rand -base64 32/);
  expect(other.stdout + none.stdout + missing.stdout + short.stdout).toBe("");
  expect(short.stderr).not.toContain("c2hvcnQ");
});

test("whoever may only read the store gets no payload by any way, and sees how many were dropped", async () => {
  const reader = createStoreClient({ url: stack.storeUrl, username: "readonly", caller: "test" });
  try {
    const ways = ["SELECT * FROM payloads", "SELECT count() FROM payloads", "SELECT body FROM merge('signalbox', '^payl')", "SELECT (SELECT any(body) FROM signalbox.payloads)", "SELECT c.call_id FROM calls AS c INNER JOIN payloads AS p USING (producer, seq)"];
    for (const sql of ways) await expect(reader.query(sql), sql).rejects.toThrow(/payloads are not for read-only users/);
    await expect(reader.query("SELECT body FROM {t:Identifier}", { t: "payloads" })).rejects.toThrow(/payloads are not for read-only users/);
    expect(await reader.query("SELECT * FROM dropped_payloads")).toEqual([]);
  } finally {
    await reader.close();
  }
  const refused = await payload(call, { store: { ...started.store, username: "readonly" } });
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/may not read payloads[^]*signalbox_payload_reader/)]);
});

test("after a rotation the new key encrypts, and the old one still opens what it encrypted", async () => {
  await stack.roles.get("proxy")?.stop();
  const rotated = encryption(["k2", "k2.key"], ["k1", "k1.key"]);
  writeFileSync(stack.configFile, stringify({ ...started, ...rotated }));
  await stack.start("proxy");
  await ask("kept");
  const next = await lastCall("kept", 2);
  expect((await kept(next)).map((row) => row.key_id)).toEqual(["k2", "k2"]);
  for (const [one, key] of [[call, "k1"], [next, "k2"]] as const) {
    const shown = await payload(one, rotated);
    expect(shown.stdout).toContain(`encrypted with ${key}`);
    expect(shown.stdout).toContain(QUESTION);
  }
});

test("while the store is away calls go on, and every payload is kept or counted in the end", async () => {
  await stack.roles.get("proxy")?.stop();
  writeFileSync(stack.configFile, stringify({ ...started, payloads: { minFreeBytes: 0, spoolMaxBytes: 8192 } }));
  await stack.start("proxy");
  const count = async (sql: string): Promise<number> => Number((await store.query<{ n: string }>(sql))[0]?.n);
  const kept = (): Promise<number> => count("SELECT count() AS n FROM payloads FINAL WHERE key_id = ''");
  await stack.roles.get("store")?.stop();
  const CALLS = 60;
  for (let i = 0; i < CALLS / 2; i++) await ask("kept");
  await waitFor("a batch that waits for the store", async () => (await names(join(payloadsDir(stack.dataDir), "worker-0"))).length > 0);
  for (let i = 0; i < CALLS / 2; i++) await ask("kept");
  await stack.start("store");
  await waitFor("every call to be recorded", async () => (await count("SELECT count() AS n FROM calls WHERE server = 'kept' AND method = 'tools/call'")) === 2 + CALLS, { timeoutMs: 60_000 });
  await waitFor("every payload to be told of", async () => (await kept()) + (await count("SELECT sum(payloads) AS n FROM dropped_payloads WHERE reason = 'no_room'")) === 2 * CALLS, { timeoutMs: 60_000 });
  expect(await kept()).toBeGreaterThan(0);
  expect(await kept()).toBeLessThan(2 * CALLS);
});

test("payloads go after their own time, by tier, and calls stay", async () => {
  const row = (days: number, risk_tier: string): object => ({ producer: "px-old", seq: String(days), kind: "result", ts: new Date(Date.now() - days * 86_400_000).toISOString(), server: "kept", risk_tier, body: "{}" });
  await applyRetention({ store, retention: retentionSchema.parse({ payloads: { high: "60d", medium: "30d", low: "2d" } }), cluster: null, logger: silentLogger });
  await store.insert("payloads", [row(70, "high"), row(50, "high"), row(40, "medium"), row(20, "medium"), row(3, "low"), row(1, "low")]);
  await store.command("OPTIMIZE TABLE payloads FINAL");
  const left = await store.query<{ seq: string }>("SELECT seq FROM payloads WHERE producer = 'px-old' ORDER BY payloads.seq");
  expect(left.map((one) => one.seq)).toEqual(["1", "20", "50"]);
  expect((await store.query("SELECT 1 FROM calls WHERE server = 'kept' AND method = 'tools/call'"))).toHaveLength(62);
});

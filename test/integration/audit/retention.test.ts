import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { applyRetention, readRetention } from "../../../collector/store/apply-retention.ts";
import { retentionSchema } from "../../../collector/store/retention.ts";
import { signalbox } from "../../support/run-command.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "../../unit/audit/drafts.ts";
import { startRegister, type Register } from "./register.ts";

const DAY_MS = 86_400_000;
const retention = retentionSchema.parse({
  calls: { high: "300d", medium: "60d", low: "20d" },
  otel_traces: { high: "300d", medium: "60d", low: "20d", other: "10d" },
  calls_1m: "400d",
});

let register: Register;
beforeAll(async () => {
  register = await startRegister();
});
afterAll(() => register.stop());

const options = () => ({ store: register.store, retention, cluster: null });
const apply = (changed = retention) => applyRetention({ ...options(), retention: changed, logger: silentLogger });

/** Merges each table's parts, which is when rows go. */
async function expire(): Promise<void> {
  for (const table of ["otel_traces", "calls", "calls_1m"]) await register.store.command(`OPTIMIZE TABLE ${table} FINAL`);
}

const aged = (n: number, days: number, riskTier: string) => draft(n, { receivedUs: Date.now() * 1000 - days * DAY_MS * 1000 + n, riskTier: riskTier as never });

/** Oldest first, as a proxy would have recorded them. */
const CALLS: [days: number, tier: string][] = [
  [310, "high"],
  [250, "high"],
  [250, "medium"],
  [250, "high"],
  [100, "low"],
  [100, "high"],
  [50, "medium"],
  [50, "low"],
  [30, "low"],
  [10, "low"],
  [10, "medium"],
  [1, "low"],
  [1, "high"],
];
const STAY = [2, 4, 6, 7, 10, 11, 12, 13];

let producer: string;
let dir: string;

test("rules are put in force once, and shown", async () => {
  expect((await readRetention(options())).find((state) => state.table === "calls")).toMatchObject({ inForce: false, current: null, completeFrom: null });
  expect((await apply()).sort()).toEqual(["argument_flows", "argument_places", "argument_values", "audit_anchors", "audit_completeness", "baselines", "calls", "calls_1h", "calls_1m", "dropped_payloads", "findings", "job_runs", "latency_1h", "latency_1m", "latency_by_agent_1h", "notification_events", "otel_traces", "otel_traces_trace_id_ts", "payloads", "sequence_blocks", "sequence_counts", "sequence_models", "sequence_scores", "sequence_transitions"]);
  expect(await apply()).toEqual([]);
  const states = await readRetention(options());
  expect(states.filter((state) => !state.inForce)).toEqual([]);
  const configFile = join(await mkdtemp(join(tmpdir(), "signalbox-retention-")), "signalbox.yaml");
  await writeFile(configFile, JSON.stringify({ store: { url: register.storeUrl, retention: { calls: "90d" } } }));
  const shown = await signalbox(["--config", configFile, "store", "retention", "--json"]);
  await rm(dirname(configFile), { recursive: true });
  const rows = JSON.parse(shown.stdout) as { table: string; kept: unknown; inForce: boolean }[];
  expect(rows.find((row) => row.table === "calls")).toMatchObject({ kept: [{ tier: "", days: 90 }], inForce: false, inStore: true });
  expect(rows.find((row) => row.table === "findings")).toMatchObject({ inForce: true });
  const completeFrom = Date.parse(states.find((state) => state.table === "calls")?.completeFrom ?? "");
  expect(Math.abs(Date.now() - 20 * DAY_MS - completeFrom)).toBeLessThan(DAY_MS);
});

test("rows go when their tier's time is over, and the register still verifies", async () => {
  const { spool, dir: at } = await register.spool();
  ({ producer } = spool);
  dir = at;
  for (const [i, [days, tier]] of CALLS.entries()) spool.append(aged(i, days, tier));
  await register.deliver(spool);
  await expire();
  const seqs = async (sql: string) => (await register.store.query<{ seq: number }>(sql)).map((row) => row.seq);
  expect(await seqs("SELECT toUInt32(seq) AS seq FROM calls ORDER BY calls.seq")).toEqual(STAY);
  expect(await seqs("SELECT toUInt32(SpanAttributes['signalbox.audit.seq']) AS seq FROM otel_traces WHERE SpanKind = 'Server' ORDER BY seq")).toEqual(STAY);
  // The attempts at upstreams are no records: they went after ten days.
  expect(await register.store.query("SELECT toUInt32(count()) AS n FROM otel_traces WHERE SpanKind != 'Server'")).toEqual([{ n: 2 }]);
  const report = await register.check([dir]);
  expect(report.failures).toEqual([]);
  expect(report.notes).toContainEqual(expect.stringMatching(`^${producer}: 4 records from before .* are not stored any more, which retention allows$`));
});

test("what went too early is still missed, in the chain and in what is derived from it", async () => {
  await register.store.command("DELETE FROM calls WHERE seq = 10");
  const { failures } = await register.check([dir]);
  expect(failures.map((one) => one.check)).toEqual(["calls", "minutes"]);
  expect(failures[0]).toEqual({ check: "calls", record: `${producer}-10`, what: "is in the spans and not in `calls`" });
  await register.store.command("DELETE FROM otel_traces WHERE SpanAttributes['signalbox.audit.seq'] = '12'");
  expect((await register.check([dir])).failures).toContainEqual({ check: "rows", record: `${producer}-13`, what: "follows a gap: 12 to 12 are missing" });
});

test("a row that is old and still there is checked all the same", async () => {
  await register.store.command("ALTER TABLE calls UPDATE agent = 'somebody' WHERE seq = 4");
  await waitFor("the row to change", async () => (await register.store.query("SELECT 1 FROM calls WHERE agent = 'somebody'")).length === 1);
  expect((await register.check([dir])).failures).toContainEqual(
    expect.objectContaining({ check: "calls", record: `${producer}-4`, what: expect.stringMatching(/agent is "somebody"/) }),
  );
});

test("the last acknowledged record may be gone, where it was acknowledged before the time from which all is kept", async () => {
  const { spool, dir: quiet } = await register.spool();
  spool.append(aged(50, 100, "low"));
  await register.deliver(spool);
  await expire();
  const joins = async () => (await register.check([quiet], { producer: spool.producer })).failures.map((one) => one.check);
  expect(await joins()).toEqual(["join"]);
  const then = new Date(Date.now() - 100 * DAY_MS);
  await utimes(join(quiet, "cursor.json"), then, then);
  expect(await joins()).toEqual([]);
});

test("rows that are to be kept longer now do not make the missing ones look lost", async () => {
  const longer = retentionSchema.parse({ ...{ calls_1m: "400d" }, calls: "365d", otel_traces: "365d" });
  expect((await apply(longer)).sort()).toEqual(["calls", "otel_traces", "otel_traces_trace_id_ts"]);
  const completeFrom = (await readRetention({ ...options(), retention: longer })).find((state) => state.table === "calls")?.completeFrom ?? "";
  expect(Math.abs(Date.now() - 20 * DAY_MS - Date.parse(completeFrom))).toBeLessThan(DAY_MS);
  expect(await apply(retentionSchema.parse({ calls_1m: "400d", calls: "never", otel_traces: "365d" }))).toEqual(["calls"]);
  expect((await readRetention({ ...options(), retention: retentionSchema.parse({ calls: "never" }) })).find((state) => state.table === "calls")).toMatchObject({ inForce: true, current: null });
});

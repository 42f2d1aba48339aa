import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { link } from "../../../collector/audit/chain.ts";
import { segmentName } from "../../../collector/audit/layout.ts";
import type { DraftRecord } from "../../../collector/record/call-record.ts";
import { traceRequest } from "../../../collector/record/otlp-encode.ts";
import { RecordWriter } from "../../../collector/record/record-writer.ts";
import { toSpans } from "../../../collector/record/to-span.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import { signalbox } from "../../support/run-command.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "../../unit/audit/drafts.ts";
import { requestOf } from "../../unit/record/otlp-schema.ts";
import { editFile, recordsIn } from "../../unit/audit/spools.ts";
import { startRegister, type Register } from "./register.ts";

let register: Register;
beforeAll(async () => {
  register = await startRegister();
});
afterAll(() => register.stop());

/** A delivered spool of its own, so that one test's damage is not the next one's. */
async function delivered(drafts: DraftRecord[], options: { segmentBytes?: number } = {}) {
  const { spool, dir } = await register.spool(options);
  for (const one of drafts) spool.append(one);
  await register.deliver(spool);
  return { spool, dir, producer: spool.producer };
}

/** Runs a mutation and waits until the parts are rewritten. */
async function mutate(statement: string): Promise<void> {
  await register.store.command(`ALTER TABLE ${statement}`);
  await waitFor("the mutation", async () => {
    const [row] = await register.store.query<{ open: number }>("SELECT toUInt32(countIf(NOT is_done)) AS open FROM system.mutations");
    return row?.open === 0;
  });
}

const update = (table: string, set: string, where: string) => mutate(`${table} UPDATE ${set} WHERE ${where}`);

describe("a register as it was recorded", () => {
  const hostile = [
    'quote " and \\ backslash',
    "control \u0000\u0001\b\t\n\r\u001f\u007f",
    "multi-byte é 漢字 😀 \u{10ffff}",
    "half a pair \ud800 and \udfff",
    "looks like a frame 12:x0:",
    "SQL ' ; -- {since:DateTime} %s \n\n drop table calls",
    "\u2028 \ufeff byte order mark",
    "x".repeat(70_000),
  ];

  test("verifies, whatever strings agents and servers send", async () => {
    const drafts = hostile.flatMap((text, i) => [
      draft(100 + i * 2, { tool: text, agent: text, rpcId: text, resourceUri: text, reason: text, delegation: [text, ""], policyIds: [text] }),
      draft(101 + i * 2, { arguments: [{ path: `/${text.slice(0, 500)}`, digest: text, flowFromSeq: 7, flowScore: 0.1 }], handlingFindings: [text, text] }),
    ]);
    const { dir, producer } = await delivered(drafts);
    const report = await register.check([dir]);
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ ok: true, spoolRecords: drafts.length });
    expect(report.producers).toContain(producer);
  });

  test("verifies with everything left out that may be empty", async () => {
    const nothing = draft(200);
    const empty = Object.fromEntries(
      Object.entries(nothing).map(([key, value]) => [key, typeof value === "string" && !/Id$|^transport|^decision|^basis|^mode|^outcome|^handling/.test(key) ? "" : Array.isArray(value) ? [] : value]),
    ) as unknown as DraftRecord;
    const { dir } = await delivered([{ ...empty, parentSpanId: "", decidedAfterUs: null, forwardedAfterUs: null, answeredAfterUs: null, trusted: false }]);
    expect((await register.check([dir])).failures).toEqual([]);
  });

  test("verifies over several producers and segments, and counts them", async () => {
    const a = await delivered([301, 302, 303].map((n) => draft(n)), { segmentBytes: 1 });
    const b = await delivered([304, 305].map((n) => draft(n)));
    const report = await register.check([a.dir, b.dir]);
    expect(report.failures).toEqual([]);
    expect(report.producers).toEqual(expect.arrayContaining([a.producer, b.producer]));
  });

  test("verifies from a time on, though an earlier call ended among later ones", async () => {
    const at = Date.UTC(2026, 2, 3, 12) * 1000;
    const { producer } = await delivered([
      draft(311, { receivedUs: at + 1_000_000 }),
      draft(312, { receivedUs: at - 1_000_000 }),
      draft(313, { receivedUs: at + 2_000_000 }),
    ]);
    const report = await register.check([], { sinceMs: Date.UTC(2026, 2, 3, 12), producer });
    expect(report.failures).toEqual([]);
    expect(report.storedRecords).toBe(3);
  });

  test("verifies with records that are of many attempts, each of which the counters count", async () => {
    const denied = { decision: "deny", outcome: "denied", server: "stormed" } as const;
    const { dir } = await delivered([draft(331, denied), draft(332, { ...denied, attempts: 180 }), draft(333, denied)]);
    expect((await register.check([dir])).failures).toEqual([]);
    expect(await register.store.query("SELECT toUInt32(sum(calls)) AS calls FROM calls_1m WHERE server = 'stormed'")).toEqual([{ calls: 182 }]);
  });

  test("verifies when a batch was delivered twice: the store keeps one", async () => {
    const { spool, dir, producer } = await delivered([draft(321), draft(322)]);
    const batch = await spool.delivery.next(1, { records: 2, bytes: 1e6 });
    const spans = await batch!.spans(new AbortController().signal);
    const body = Buffer.concat(traceRequest({ attributes: [], scopeName: "again", scopeVersion: "2" }, spans!));
    const headers = { "content-type": "application/x-protobuf", "x-signalbox-batch": `${producer}:1-2` };
    const response = await fetch(`${register.collectorUrl}/v1/traces`, { method: "POST", headers, body });
    expect(response.status).toBe(200);
    const report = await register.check([dir]);
    expect(report.failures).toEqual([]);
    expect(report.notes.filter((note) => note.includes(producer) && note.includes("copies"))).toEqual([]);
  });
});

describe("a register that was changed", () => {
  test("names the record whose byte was flipped in a segment", async () => {
    const { dir, producer } = await delivered([401, 402, 403].map((n) => draft(n)));
    await editFile(join(dir, segmentName(1)), (text) => text.replace(`"rpcId":"402"`, `"rpcId":"409"`));
    const report = await register.check([dir], { producer });
    expect(report.failures).toEqual([{ check: "spool", record: `${producer}-2`, what: expect.stringContaining("checksum") }]);
  });

  test("names the record that was rewritten in a segment, checksum and all", async () => {
    const { dir, producer } = await delivered([411, 412, 413].map((n) => draft(n)));
    await editFile(join(dir, segmentName(1)), (text) =>
      text.split("\n").map((line) => {
        if (!line.includes(`"rpcId":"412"`)) return line;
        const json = line.slice(9).replace(`"agent":"billing-agent"`, `"agent":"nobody"`);
        return `${crc32(json).toString(16).padStart(8, "0")} ${json}`;
      }).join("\n"),
    );
    const report = await register.check([dir], { producer });
    expect(report.failures).toEqual([{ check: "spool", record: `${producer}-2`, what: expect.stringContaining("its content has") }]);
  });

  test.each<[string, string]>([
    ["an attribute", "SpanAttributes = mapUpdate(SpanAttributes, map('signalbox.agent', 'nobody'))"],
    ["a new attribute", "SpanAttributes = mapUpdate(SpanAttributes, map('signalbox.zzz', '1'))"],
    ["the duration, by a nanosecond", "Duration = Duration + 1"],
    ["the trace id", "TraceId = repeat('f', 32)"],
    ["the parent", "ParentSpanId = '00000000000000ff'"],
  ])("names the row in which %s was changed", async (_what, set) => {
    const { producer } = await delivered([421, 422, 423].map((n) => draft(n)));
    await update("otel_traces", set, `SpanAttributes['signalbox.audit.producer'] = '${producer}' AND SpanAttributes['signalbox.audit.seq'] = '2'`);
    const report = await register.check([], { producer });
    expect(report.failures[0]).toEqual({ check: "rows", record: `${producer}-2`, what: expect.stringContaining("was changed") });
    expect(report.failures.map((f) => f.record)).toEqual(report.failures.map(() => `${producer}-2`));
  });

  test("names the last record when its hash was taken away, though nothing signed it yet", async () => {
    const { producer } = await delivered([425, 426].map((n) => draft(n)));
    await update("otel_traces", "SpanAttributes = mapFilter((k, v) -> k != 'signalbox.audit.hash', SpanAttributes)", `SpanAttributes['signalbox.audit.producer'] = '${producer}' AND SpanAttributes['signalbox.audit.seq'] = '2'`);
    const report = await register.check([], { producer });
    expect(report.failures).toContainEqual({ check: "rows", record: `${producer}-2`, what: expect.stringContaining("was changed") });
  });

  test("names the record whose hash is spelled in another way", async () => {
    const { producer } = await delivered([435, 436].map((n) => draft(n)));
    await update("otel_traces", "SpanAttributes = mapUpdate(SpanAttributes, map('signalbox.audit.hash', upper(SpanAttributes['signalbox.audit.hash'])))", `SpanAttributes['signalbox.audit.producer'] = '${producer}' AND SpanAttributes['signalbox.audit.seq'] = '2'`);
    const report = await register.check([], { producer });
    expect(report.failures).toEqual([{ check: "rows", record: `${producer}-2`, what: expect.stringContaining("was changed") }]);
  });

  test("takes attributes in another order for the same record", async () => {
    const { producer } = await delivered([427, 428].map((n) => draft(n)));
    await update("otel_traces", "SpanAttributes = mapFromArrays(arrayReverse(mapKeys(SpanAttributes)), arrayReverse(mapValues(SpanAttributes)))", `SpanAttributes['signalbox.audit.producer'] = '${producer}'`);
    const report = await register.check([], { producer });
    expect(report).toMatchObject({ failures: [], storedRecords: 2 });
  });

  test("names the record after a gap, and the calls that no span proves", async () => {
    const { producer } = await delivered([431, 432, 433].map((n) => draft(n)));
    await mutate(`otel_traces DELETE WHERE SpanAttributes['signalbox.audit.producer'] = '${producer}' AND SpanAttributes['signalbox.audit.seq'] = '2'`);
    const report = await register.check([], { producer });
    expect(report.failures).toEqual([
      { check: "rows", record: `${producer}-3`, what: "follows a gap: 2 to 2 are missing" },
      { check: "calls", record: `${producer}-2`, what: expect.stringContaining("not in the spans") },
    ]);
  });

  test("says which column of `calls` differs from its span", async () => {
    const { producer } = await delivered([441, 442].map((n) => draft(n)));
    await update("calls", "decision = 'deny', upstream_us = NULL", `producer = '${producer}' AND seq = 1`);
    const report = await register.check([], { producer });
    expect(report.failures).toHaveLength(1);
    expect(report.failures[0]).toMatchObject({ check: "calls", record: `${producer}-1` });
    expect(report.failures[0]?.what).toContain('decision is "deny", its span says "allow"');
    expect(report.failures[0]?.what).toContain("upstream_us is null");
  });

  test("says so where a record's attempts were made fewer", async () => {
    const { producer } = await delivered([draft(446, { decision: "deny", outcome: "denied", server: "fewer", attempts: 40 })]);
    await update("calls", "attempts = 1", `producer = '${producer}'`);
    const { failures } = await register.check();
    expect(failures).toContainEqual({ check: "calls", record: `${producer}-1`, what: expect.stringContaining('attempts is 1, its span says 40') });
    expect(failures).toContainEqual({ check: "minutes", record: expect.stringContaining("fewer"), what: expect.stringContaining("calls_1m counts 40 calls, `calls` has 1") });
  });

  test("says so where a record's attempts were taken away, and where the counters forgot some", async () => {
    const { producer } = await delivered([draft(447, { server: "taken" }), draft(448, { decision: "deny", outcome: "denied", server: "forgot", attempts: 40 })]);
    await update("calls", "attempts = 0", `producer = '${producer}' AND seq = 1`);
    await update("calls_1m", "calls = 1", "server = 'forgot'");
    const { failures } = await register.check();
    expect(failures).toContainEqual({ check: "calls", record: `${producer}-1`, what: expect.stringContaining("attempts is 0, its span says 1") });
    expect(failures).toContainEqual({ check: "minutes", record: expect.stringContaining("forgot"), what: expect.stringContaining("calls_1m counts 1 calls, `calls` has 40") });
  });

  test.each<[string, string, string]>([
    ["two names whose values were exchanged", "agent = principal, principal = agent", "agent is"],
    ["a value that moved to another name", "resource_uri = task_id, task_id = ''", "resource_uri is"],
    ["a list's elements that were joined", "delegation = [arrayStringConcat(delegation, '\",\"')]", "delegation is"],
    ["the proxy's own time, by a microsecond", "proxy_us = proxy_us + 1", "proxy_us is"],
  ])("says so of %s in `calls`", async (_what, set, said) => {
    const { producer } = await delivered([draft(449, { delegation: ["user:ada", "agent:one"] })]);
    await update("calls", set, `producer = '${producer}'`);
    const report = await register.check([], { producer });
    expect(report.failures).toEqual([{ check: "calls", record: `${producer}-1`, what: expect.stringContaining(said) }]);
  });

  test("names both records whose rows in `calls` were exchanged", async () => {
    const { producer } = await delivered([draft(444, { rpcId: "first" }), draft(445, { rpcId: "second" })]);
    await update("calls", "rpc_id = if(seq = 1, 'second', 'first')", `producer = '${producer}'`);
    const report = await register.check([], { producer });
    expect(report.failures.map(({ check, record }) => [check, record])).toEqual([["calls", `${producer}-1`], ["calls", `${producer}-2`]]);
  });

  test("says that the store lacks what the spool had acknowledged", async () => {
    const { spool, dir, producer } = await delivered([451, 452].map((n) => draft(n)));
    spool.append(draft(453));
    await spool.flush();
    const [line] = await spool.delivery.read(3, { records: 1, bytes: 1e6 });
    await spool.delivery.acknowledge({ seq: 3, hash: (JSON.parse(line?.json ?? "") as { hash: string }).hash }, 0);
    const report = await register.check([dir], { producer });
    expect(report.failures).toEqual([{ check: "join", record: `${producer}-3`, what: expect.stringContaining("no such record, its last is 2") }]);
  });

  test("says that the store has what the spool never wrote", async () => {
    const { dir, producer } = await delivered([draft(461)]);
    const [one] = await recordsIn(dir);
    const { draft: forgedDraft, place } = link(new RecordWriter(), producer, { seq: 1, hash: one?.hash ?? "" }, draft(462));
    const forged = { ...forgedDraft, ...place };
    const body = requestOf({ attributes: [], scopeName: "forger", scopeVersion: "1" }, toSpans(forged));
    const response = await fetch(`${register.collectorUrl}/v1/traces`, { method: "POST", headers: { "content-type": "application/x-protobuf" }, body });
    expect(response.status).toBe(200);
    const report = await register.check([dir], { producer });
    expect(report.failures).toEqual([{ check: "join", record: `${producer}-2`, what: "is in the store and was never in the spool" }]);
  });

  test("names the minute whose counter differs", async () => {
    const at = Date.UTC(2026, 3, 5, 6, 7) * 1000;
    await delivered([draft(471, { receivedUs: at, server: "counted" }), draft(472, { receivedUs: at + 1, server: "counted" })]);
    await update("calls_1m", "calls = calls + 1", "server = 'counted'");
    const report = await register.check([], { sinceMs: Date.UTC(2026, 3, 5, 6, 7, 30) });
    expect(report.failures).toContainEqual({ check: "minutes", record: expect.stringContaining("2026-04-05"), what: "calls_1m counts 3 calls, `calls` has 2, or their sums differ" });
  });

  test("makes the command say so and exit with 1; an intact one exits with 0", async () => {
    const { dir, producer } = await delivered([481, 482].map((n) => draft(n)));
    const env = { SIGNALBOX_STORE_USERNAME: "default" };
    const run = (...more: string[]) =>
      signalbox(["audit", "verify", "--store-url", register.storeUrl, "--spool", dir, "--producer", producer, ...more], { cwd: dir, env });
    const intact = await run();
    expect(intact).toMatchObject({ code: 0, stdout: expect.stringMatching(/^all is as it was recorded: 2 stored and 2 spooled records of 1 producers/) });

    await update("otel_traces", "ParentSpanId = '00000000000000ff'", `SpanAttributes['signalbox.audit.producer'] = '${producer}'`);
    const changed = await run("--json");
    expect(changed.code).toBe(1);
    expect(JSON.parse(changed.stdout)).toMatchObject({ ok: false, failures: expect.arrayContaining([expect.objectContaining({ record: `${producer}-2` })]) });
    expect((await run("--no-store")).code).toBe(0);
    expect((await run("--since", "yesterday-ish")).stderr).toContain("cannot read yesterday-ish as a time");
  });

  test("the comparison of `calls` leaves no column out", async () => {
    const columns = await register.store.query<{ name: string }>("SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'calls' AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')");
    const timesNamed = (file: string, name: string): number => loadSql(new URL(`../../../collector/audit/${file}`, import.meta.url)).text.replaceAll(/'[^']*'/g, "").match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0;
    for (const { name } of columns) {
      expect(timesNamed("verify-calls.sql", name), name).toBeGreaterThanOrEqual(2);
      expect(timesNamed("verify-call-blocks.sql", name), name).toBeGreaterThanOrEqual(1);
    }
  });
});

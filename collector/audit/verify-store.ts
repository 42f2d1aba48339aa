import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { GENESIS_HASH } from "../record/canonical.ts";
import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import type { SpoolReader } from "./reader.ts";
import { sqlTime } from "./time.ts";
import { blockKey, scopeParams, type Block, type Scope, type StoredChains } from "./verify-chains.ts";
import type { Findings } from "./verify-report.ts";
import { rejectedSeqs } from "./verify-spool.ts";

const sql = (name: string) => loadSql(new URL(`./${name}.sql`, import.meta.url));

interface RowProblem {
  record_seq: string;
  problem: "content" | "gap" | "link" | "conflict" | "duplicate";
  expected: string;
  actual: string;
}

/** The spans: each row's hash computed anew from its columns, and each producer's chain. A stretch that does not add up is
 * looked at row by row. */
export async function verifyRows(store: Store, scope: Scope, chains: StoredChains, findings: Findings): Promise<void> {
  for (const [producer, blocks] of chains.blocks) {
    findings.producers.add(producer);
    let before: Block | null = null;
    let copies = 0;
    let gaps = 0;
    for (const block of blocks) {
      findings.storedRecords += block.records;
      if (before === null) checkStart(block, scope, findings);
      const continued: boolean = before === null || (block.firstSeq === before.lastSeq + 1 && block.firstPrevHash === before.lastHash);
      if (!block.sound || !continued) {
        const found = await verifyBlock(store, scope, before, block, findings);
        copies += found.copies;
        gaps += found.missing;
      }
      before = block;
    }
    findings.storedRecords -= copies;
    if (copies > 0) findings.note(`${producer}: ${copies} rows are second copies of a record`);
    const first = blocks[0]?.firstSeq ?? 1;
    const stored = blocks.reduce((sum, block) => sum + block.records, 0) - copies;
    const removed = (before?.lastSeq ?? 0) - first + 1 - stored - gaps;
    if (removed > 0) findings.note(`${producer}: ${removed} records from before ${isoDay(scope.kept.spansMs)} are not stored any more, which retention allows`);
    if (first !== 1) findings.note(`${producer}: the rows that were checked start at ${producer}-${first}`);
  }
}

function checkStart({ producer, firstSeq, firstPrevHash }: Block, scope: Scope, findings: Findings): void {
  const start = scope.starts.get(producer) ?? { seq: 1, hash: GENESIS_HASH };
  if (start.hash === null) return;
  if (firstSeq === start.seq && firstPrevHash !== start.hash) {
    findings.fail("rows", producer, firstSeq, describeRow({ record_seq: "", problem: "link", expected: start.hash, actual: firstPrevHash }));
  }
  // Older rows than the scope's may have expired; behind a checkpoint they may not, unless retention reaches there.
  if (firstSeq > start.seq && scope.starts.has(producer) && (scope.sinceMs ?? 0) >= scope.kept.spansMs) {
    findings.fail("rows", producer, firstSeq, describeRow({ record_seq: "", problem: "gap", expected: String(start.seq), actual: String(firstSeq) }));
  }
}

/** Resolves with how many rows of the block are second copies, as far as they are listed, and how many records it lacks. */
async function verifyBlock(store: Store, scope: Scope, before: Block | null, block: Block, findings: Findings): Promise<{ copies: number; missing: number }> {
  const times = [block.from, block.to, ...(before ? [before.from, before.to] : [])].sort();
  const problems = await store.query<RowProblem>(sql("verify-rows"), {
    producer: block.producer,
    // With the record before, so that the link to it is looked at too.
    first_seq: before?.lastSeq ?? block.firstSeq,
    last_seq: block.lastSeq,
    from: times[0]!,
    to: times.at(-1)!,
    complete_from: sqlTime(scope.kept.spansMs),
    limit: Math.max(findings.limit + 1, 1000),
  });
  const faults = problems.filter((row) => row.problem !== "duplicate" && Number(row.record_seq) !== before?.lastSeq);
  for (const row of faults) findings.fail("rows", block.producer, row.record_seq, describeRow(row));
  const missing = faults.filter((row) => row.problem === "gap").reduce((sum, row) => sum + Number(row.actual) - Number(row.expected), 0);
  return { copies: problems.filter((row) => row.problem === "duplicate").length, missing };
}

const isoDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function describeRow({ problem, expected, actual }: RowProblem): string {
  switch (problem) {
    case "content":
      return `its row was changed: recorded with hash ${expected}, its columns have ${actual}`;
    case "gap":
      return `follows a gap: ${expected} to ${Number(actual) - 1} are missing`;
    case "link":
      return `its previous hash is ${actual}, the record before has ${expected}`;
    default:
      return `two different records have its number: hashes ${expected} and ${actual}`;
  }
}

const ONE_SIDED = { calls: "is in `calls` and not in the spans", spans: "is in the spans and not in `calls`" } as const;
const BLOCK = 65_536;

/** `calls`, against the same derivation run again over the spans, where the two do not add up. */
export async function verifyCalls(store: Store, scope: Scope, chains: StoredChains, findings: Findings): Promise<void> {
  const spans = new Map([...chains.blocks.values()].flat().map((block) => [blockKey(block.producer, block.block), block]));
  for (const [key, side] of new Map<string, { producer: string; block: number }>([...spans, ...chains.callContents])) {
    const [a, b] = [spans.get(key), chains.callContents.get(key)];
    if (a && b && a.records === b.records && a.contents === b.contents) continue;
    const { producer, block } = side;
    const rows = await store.query<{ seq: string; only_in: "calls" | "spans" | "" }>(sql("verify-calls"), {
      producer,
      first_seq: Math.max(block * BLOCK, scope.starts.get(producer)?.seq ?? 0),
      last_seq: (block + 1) * BLOCK - 1,
      since: scopeParams(scope).since,
      complete_from: sqlTime(Math.max(scope.kept.spansMs, scope.kept.callsMs)),
      limit: findings.limit + 1,
    });
    for (const { seq, only_in } of rows) {
      findings.fail("calls", producer, seq, only_in === "" ? await differences(store, producer, seq) : ONE_SIDED[only_in]);
    }
  }
}

async function differences(store: Store, producer: string, seq: string): Promise<string> {
  const sides = await store.query<Record<string, unknown>>(sql("verify-call-sides"), { producer, seq });
  const calls = sides.filter((row) => row.side === "calls");
  const spans = sides.filter((row) => row.side === "spans");
  if (calls.length !== spans.length) return `\`calls\` has ${calls.length} rows of it, the spans have ${spans.length}`;
  const [a, b] = [calls[0] ?? {}, spans[0] ?? {}];
  const columns = Object.keys(a).filter((name) => name !== "side" && !isDeepStrictEqual(a[name], b[name]));
  const values = columns.map((name) => `${name} is ${JSON.stringify(a[name])}, its span says ${JSON.stringify(b[name])}`);
  return `its row in \`calls\` was changed: ${values.join("; ") || "rows differ"}`;
}

/** Calls that `signalbox import` made of others' spans: said, so that nobody takes them for checked. */
export async function noteImported(store: Store, scope: Scope, findings: Findings): Promise<void> {
  const [row] = await store.query<{ calls: number; services: number }>(sql("verify-imported"), { since: scopeParams(scope).since });
  if (row && row.calls > 0) findings.note(`${row.calls} calls were imported from ${row.services} other services; they are in no chain, and were not checked`);
}

/** The counters, against the calls. They are not kept by producer, so this is for a check of all. */
export async function verifyMinutes(store: Store, scope: Scope, findings: Findings): Promise<void> {
  // Counters are of whole minutes.
  const since = sqlTime(Math.max(scope.sinceMs ?? 0, Math.ceil(Math.max(scope.kept.callsMs, scope.kept.minutesMs) / 60_000) * 60_000));
  const random = randomBytes(16);
  const hours = await store.query<{ from: string; to: string }>(sql("verify-minute-blocks"), {
    since,
    key_low: random.readBigUInt64LE(0),
    key_high: random.readBigUInt64LE(8),
  });
  type Minute = Record<"minute" | "server" | "tool" | "agent" | "outcome" | "counted" | "present", string>;
  for (const hour of hours) {
    const rows = await store.query<Minute>(sql("verify-minutes"), { since, ...hour, limit: findings.limit + 1 });
    for (const { minute, server, tool, agent, outcome, counted, present } of rows) {
      const which = [server, tool, agent, outcome].filter((part) => part !== "").join("/");
      findings.failAt("minutes", `${minute} ${which}`, `calls_1m counts ${counted} calls, \`calls\` has ${present}, or their sums differ`);
    }
    if (findings.truncated) return;
  }
}

/** The seam: what the spool believes to have delivered is in the store, and the store has nothing that the spool never wrote. */
export async function verifyJoin(store: Store, spool: SpoolReader, scope: Scope, chains: StoredChains, findings: Findings): Promise<void> {
  const { producer } = spool;
  const { acked } = await spool.cursor();
  const known = chains.hashOf(producer, acked.seq);
  const rows = known ? [] : await store.query<{ seq: string; hash: string }>(sql("verify-head"), { producer, seqs: [acked.seq] });
  const stored = new Map(known ? [[acked.seq, known]] : rows.map(({ seq, hash }) => [Number(seq), hash] as const));
  const last = chains.last(producer);
  if (last) stored.set(last.seq, last.hash);
  const lastSeq = Math.max(0, ...stored.keys());
  const removed = !stored.has(acked.seq) && (await spool.ackedAtMs()) < scope.kept.spansMs;
  if (removed) findings.note(`${producer}: the record that was acknowledged last is not stored any more, which retention allows`);
  else if (acked.seq > 0 && stored.get(acked.seq) !== acked.hash) {
    const aside = (await rejectedSeqs(spool.dir)).has(acked.seq) ? "; the collector refused it, see rejected.ndjson" : "";
    const has = stored.get(acked.seq) ?? `no such record, its last is ${lastSeq}`;
    findings.fail("join", producer, acked.seq, `was acknowledged with hash ${acked.hash}, the store has ${has}${aside}`);
  }
  if (lastSeq <= acked.seq) return;
  // Stored, and its acknowledgement not yet seen: the spool must still have it.
  for await (const record of spool.records(lastSeq)) {
    const hash = stored.get(lastSeq);
    if (record.hash !== hash) findings.fail("join", producer, lastSeq, `the store has hash ${hash}, the spool has ${record.hash}`);
    return;
  }
  if ((await spool.cursor()).acked.seq < lastSeq) findings.fail("join", producer, lastSeq, "is in the store and was never in the spool");
}

import { isDeepStrictEqual } from "node:util";
import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import type { SpoolReader } from "./reader.ts";
import type { Findings } from "./verify-report.ts";
import { rejectedSeqs } from "./verify-spool.ts";

const sql = (name: string) => loadSql(new URL(`./${name}.sql`, import.meta.url));

export interface Scope {
  /** Received at or after, `YYYY-MM-DD hh:mm:ss`, UTC. */
  readonly since: string;
  /** Empty for all. */
  readonly producer: string;
}

interface RowProblem {
  producer: string;
  record_seq: string;
  problem: "content" | "gap" | "link" | "conflict" | "duplicate";
  expected: string;
  actual: string;
}

/** The spans: each row's hash computed anew from its columns, and each producer's chain. */
export async function verifyRows(store: Store, scope: Scope, findings: Findings): Promise<void> {
  type Producer = { producer: string; records: number; copies: number; first_seq: string };
  const producers = await store.query<Producer>(sql("verify-producers"), { ...scope });
  for (const { producer, records, copies, first_seq } of producers) {
    findings.producers.add(producer);
    findings.storedRecords += records;
    if (copies > 0) findings.note(`${producer}: ${copies} rows are second copies of a record`);
    if (first_seq !== "1") findings.note(`${producer}: the rows that were checked start at ${producer}-${first_seq}`);
  }
  const problems = await store.query<RowProblem>(sql("verify-rows"), { ...scope, limit: findings.limit + 1 });
  for (const row of problems) {
    if (row.problem !== "duplicate") findings.fail("rows", row.producer, row.record_seq, describeRow(row));
  }
}

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

/** `calls`, against the same derivation run again over the spans. */
export async function verifyCalls(store: Store, scope: Scope, findings: Findings): Promise<void> {
  const rows = await store.query<{ producer: string; seq: string; only_in: "calls" | "spans" | "" }>(sql("verify-calls"), {
    ...scope,
    limit: findings.limit + 1,
  });
  for (const { producer, seq, only_in } of rows) {
    findings.fail("calls", producer, seq, only_in === "" ? await differences(store, producer, seq) : ONE_SIDED[only_in]);
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

/** The counters, against the calls. They are not kept by producer, so this is for a check of all. */
export async function verifyMinutes(store: Store, scope: Scope, findings: Findings): Promise<void> {
  type Minute = Record<"minute" | "server" | "tool" | "agent" | "outcome" | "counted" | "present", string>;
  const rows = await store.query<Minute>(sql("verify-minutes"), { since: scope.since, limit: findings.limit + 1 });
  for (const { minute, server, tool, agent, outcome, counted, present } of rows) {
    const which = [server, tool, agent, outcome].filter((part) => part !== "").join("/");
    findings.failAt("minutes", `${minute} ${which}`, `calls_1m counts ${counted} calls, \`calls\` has ${present}, or their sums differ`);
  }
}

/** The seam: what the spool believes to have delivered is in the store, and the store has nothing that the spool never wrote. */
export async function verifyJoin(store: Store, spool: SpoolReader, findings: Findings): Promise<void> {
  const { producer } = spool;
  const { acked } = await spool.cursor();
  const rows = await store.query<{ seq: string; hash: string }>(sql("verify-head"), { producer, seqs: [acked.seq] });
  const stored = new Map(rows.map(({ seq, hash }) => [Number(seq), hash]));
  const lastSeq = Math.max(0, ...stored.keys());
  if (acked.seq > 0 && stored.get(acked.seq) !== acked.hash) {
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

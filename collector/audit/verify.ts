import type { Clock } from "../kernel/clock.ts";
import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import { readKept } from "./kept.ts";
import { CHECKPOINT } from "./checkpoint/entry.ts";
import type { SpoolReader } from "./reader.ts";
import { sqlTime } from "./time.ts";
import { readChains, type Scope } from "./verify-chains.ts";
import { signedSeqs, verifyAnchors, verifyCopy, verifyHeads, verifyLog, type CheckpointScope, type SignedLog } from "./verify-checkpoints.ts";
import { Findings, type VerifyReport } from "./verify-report.ts";
import { verifyUnrecorded } from "./verify-unrecorded.ts";
import { verifySpool } from "./verify-spool.ts";
import { noteImported, verifyCalls, verifyJoin, verifyMinutes, verifyRows } from "./verify-store.ts";

export interface VerifyOptions {
  readonly spools: readonly SpoolReader[];
  readonly store: Store | null;
  /** Null where there is no log to check. `outboxes` is null for a copy of one. */
  readonly checkpoints: (CheckpointScope & { readonly outboxes: string | null }) | null;
  readonly sinceMs: number | null;
  /** Empty for all. */
  readonly producer: string;
  readonly clock: Clock;
  readonly maxFailures?: number;
}

const MAX_FAILURES = 50;
/** Numbers travel to the store in a URL. */
const MAX_HEADS = 500;

const startsSql = loadSql(new URL("./verify-starts.sql", import.meta.url));

/** Runs every check that there is something for; throws only when it could not look. */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { spools, store, checkpoints, clock } = options;
  const startedNs = clock.monotonicNs();
  const findings = new Findings(options.maxFailures ?? MAX_FAILURES);
  const log = checkpoints ? await verifyLog(checkpoints, findings) : null;
  // Spools before the store: a record that is delivered meanwhile is then seen twice and not missed.
  const spooled = new Map<string, ReadonlyMap<number, string>>();
  for (const spool of spools) spooled.set(spool.producer, await verifySpool(spool, findings, signedSeqs(log, spool.producer)));
  if (store) await verifyStore(options, store, log, spooled, findings);
  findings.checkpoints = log?.entries.filter((entry) => entry.event_type === CHECKPOINT).length ?? 0;
  return findings.report(Number((clock.monotonicNs() - startedNs) / 1_000_000n));
}

async function verifyStore(options: VerifyOptions, store: Store, log: SignedLog | null, spooled: ReadonlyMap<string, ReadonlyMap<number, string>>, findings: Findings): Promise<void> {
  const { spools, checkpoints } = options;
  const shipped = log && checkpoints?.outboxes ? await verifyAnchors(checkpoints.outboxes, log, findings) : null;
  const missing = log ? await verifyCopy(store, log, shipped, findings) : [];
  const scope = await scopeOf(options, store, log);
  const acked = await Promise.all(spools.map(async (spool) => (await spool.cursor()).acked.seq));
  const heads = [...acked, ...missing.slice(-MAX_HEADS).map((entry) => Number(entry.last_seq))];
  const chains = await readChains(store, scope, heads);
  await verifyRows(store, scope, chains, findings);
  await verifyCalls(store, scope, chains, findings);
  await verifyUnrecorded(store, scope, findings);
  if (scope.producer === "") {
    await verifyMinutes(store, scope, findings);
    await noteImported(store, scope, findings);
  }
  for (const spool of spools) await verifyJoin(store, spool, scope, chains, findings);
  if (log && log.entries.length > 0) verifyHeads(log, scope, chains, spooled, findings);
}

/** From the last checkpoint before the time on, which the first record must be chained to; of a producer that has none, from
 * its first record that was received since. */
async function scopeOf({ sinceMs, producer }: VerifyOptions, store: Store, log: SignedLog | null): Promise<Scope> {
  const starts = new Map<string, { seq: number; hash: string | null }>();
  const kept = await readKept(store);
  if (sinceMs === null) return { sinceMs, producer, kept, starts };
  const rows = await store.query<{ producer: string; first_seq: string }>(startsSql, { since: sqlTime(sinceMs), producer });
  for (const row of rows) starts.set(row.producer, { seq: Number(row.first_seq), hash: null });
  for (const entry of log?.entries ?? []) {
    if (entry.event_type !== CHECKPOINT || Date.parse(entry.occurred_at) > sinceMs) continue;
    if (producer === "" || entry.producer === producer) starts.set(entry.producer, { seq: Number(entry.last_seq) + 1, hash: entry.head_hash });
  }
  return { sinceMs, producer, kept, starts };
}

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import { callId } from "../record/call-record.ts";
import type { OutboxState } from "./anchor/outbox.ts";
import type { ChainHead } from "./chain.ts";
import { CHECKPOINT, entryProblem, keyIdOf, type Checkpoint, type KnownKeys, type LogEntry } from "./checkpoint/entry.ts";
import { entryIndex, entryLogId, readLog } from "./checkpoint/log-reader.ts";
import type { Scope, StoredChains } from "./verify-chains.ts";
import type { Findings } from "./verify-report.ts";

const copySql = loadSql(new URL("./verify-checkpoint-copy.sql", import.meta.url));

/** The checkpoint log, checked as far as it can be without any record. */
export interface SignedLog {
  readonly file: string;
  readonly entries: readonly LogEntry[];
}

export interface CheckpointScope {
  readonly logFile: string;
  /** A public key that the log must have signed with; null takes the log's word for its first one. */
  readonly trusted: string | null;
}

/** Signatures, links, and that each producer's checkpoints continue each other. */
export async function verifyLog({ logFile, trusted }: CheckpointScope, findings: Findings): Promise<SignedLog> {
  const entries: LogEntry[] = [];
  const keys: KnownKeys = new Map();
  const heads = new Map<string, ChainHead>();
  let line = 0;
  for await (const lines of readLog(logFile)) {
    for (const { entry } of lines) {
      line++;
      if (!entry) {
        findings.failAt("checkpoints", `line ${line}`, `is no entry of a checkpoint log (${logFile})`);
        continue;
      }
      // A copy that begins later has lost the statements before; who has a key of that time can go on from there.
      if (entries.length === 0 && trusted && entryIndex(entry) > 1) keys.set(keyIdOf(trusted), trusted);
      const problem = placeProblem(entries.at(-1), entry) ?? entryProblem(entry, keys);
      if (problem) findings.failAt("checkpoints", entry.event_id, problem);
      if (entry.event_type === CHECKPOINT) checkContinues(entry, heads, findings);
      entries.push(entry);
    }
  }
  const first = entries[0];
  if (first && entryIndex(first) !== 1) findings.note(`the checkpoint log at hand starts at ${first.event_id}`);
  if (trusted && entries.length > 0 && ![...keys.values()].includes(trusted)) {
    findings.failAt("checkpoints", first?.event_id ?? "", "no key of the log is the one that is trusted");
  }
  return { file: logFile, entries };
}

function placeProblem(before: LogEntry | undefined, entry: LogEntry): string | null {
  if (!before) return entryIndex(entry) === 1 && entry.previous_hash !== null ? "it is the first entry and names one before it" : null;
  if (entryIndex(entry) !== entryIndex(before) + 1 || entryLogId(entry) !== entryLogId(before)) return `it follows ${before.event_id}`;
  if (entry.previous_hash !== before.event_hash) return `its previous hash is ${entry.previous_hash}, the entry before has ${before.event_hash}`;
  return null;
}

function checkContinues(entry: Checkpoint, heads: Map<string, ChainHead>, findings: Findings): void {
  const head = heads.get(entry.producer);
  const first = Number(entry.first_seq);
  if (head && first <= head.seq) findings.failAt("checkpoints", entry.event_id, `it starts at ${entry.producer}-${first}, which was signed before`);
  else if (head && first > head.seq + 1) findings.note(`${entry.producer}: records ${head.seq + 1} to ${first - 1} are under no checkpoint`);
  else if (head && entry.first_previous_hash !== head.hash) findings.failAt("checkpoints", entry.event_id, `it is chained to ${entry.first_previous_hash}, the checkpoint before ended with ${head.hash}`);
  heads.set(entry.producer, { seq: Number(entry.last_seq), hash: entry.head_hash });
}

/**
 * The store's copy of the log. Resolves with the checkpoints that are not in it. `shipped` is null where the log at hand is
 * another copy, which may be behind this one.
 */
export async function verifyCopy(store: Store, log: SignedLog, shipped: number | null, findings: Findings): Promise<Checkpoint[]> {
  const first = log.entries[0];
  if (!first) return [];
  const rows = await store.query<{ idx: string; event_hash: string }>(copySql, { log: entryLogId(first) });
  const copy = new Map(rows.map(({ idx, event_hash }) => [Number(idx), event_hash]));
  const missing: Checkpoint[] = [];
  for (const entry of log.entries) {
    const hash = copy.get(entryIndex(entry));
    if (hash === undefined && entryIndex(entry) <= (shipped ?? 0)) findings.failAt("checkpoints", entry.event_id, "the store had it, and has it no more");
    if (hash === undefined && entry.event_type === CHECKPOINT) missing.push(entry);
    if (hash !== undefined && hash !== entry.event_hash) findings.failAt("checkpoints", entry.event_id, `the store's copy has hash ${hash}, the log has ${entry.event_hash}`);
  }
  if (shipped === null) return missing;
  // Read again, because a running proxy may have signed and shipped since.
  const lastIndex = await lastIndexOf(log.file);
  for (const idx of copy.keys()) {
    if (idx > lastIndex) findings.failAt("checkpoints", `${entryLogId(first)}-${idx}`, "the store has it, and the log ends before it");
  }
  return missing;
}

/** The numbers that a producer's checkpoints end with. */
export function signedSeqs(log: SignedLog | null, producer: string): Set<number> {
  const checkpoints = log?.entries.filter((entry) => entry.event_type === CHECKPOINT) ?? [];
  return new Set(checkpoints.filter((entry) => entry.producer === producer).map((entry) => Number(entry.last_seq)));
}

async function lastIndexOf(file: string): Promise<number> {
  let index = 0;
  for await (const lines of readLog(file)) index = Math.max(index, ...lines.map(({ entry }) => (entry ? entryIndex(entry) : 0)));
  return index;
}

/** Each checkpoint's last record, which the chain ties all before it to, against the stored row, or the spool's where it is
 * still on its way. `spooled` is by producer and number. */
export function verifyHeads(log: SignedLog, scope: Scope, chains: StoredChains, spooled: ReadonlyMap<string, ReadonlyMap<number, string>>, findings: Findings): void {
  const expired = new Set<string>();
  const removed = new Map<string, number>();
  const signed = new Map<string, number>();
  for (const entry of log.entries) {
    if (entry.event_type !== CHECKPOINT || (scope.producer !== "" && entry.producer !== scope.producer)) continue;
    const { producer } = entry;
    const seq = Number(entry.last_seq);
    signed.set(producer, seq);
    if (seq < (scope.starts.get(producer)?.seq ?? 0)) continue;
    const hash = chains.hashOf(producer, seq) ?? spooled.get(producer)?.get(seq);
    if (hash === entry.head_hash) continue;
    if (hash === undefined && seq < (chains.firstSeq(producer) ?? 0)) expired.add(producer);
    else if (hash === undefined && Date.parse(entry.occurred_at) < scope.kept.spansMs) removed.set(producer, (removed.get(producer) ?? 0) + 1);
    else findings.fail("checkpoints", producer, seq, `${entry.event_id} was signed over hash ${entry.head_hash}, the store has ${hash ?? describeEnd(chains, producer)}`);
  }
  for (const producer of expired) findings.note(`${producer}: checkpoints before ${producer}-${chains.firstSeq(producer)} have no rows any more`);
  for (const [producer, n] of removed) findings.note(`${producer}: ${n} checkpoints end with a record that is not stored any more, which retention allows`);
  for (const producer of chains.blocks.keys()) {
    const [last, from] = [chains.last(producer)?.seq ?? 0, (signed.get(producer) ?? 0) + 1];
    if (last >= from) findings.note(`${producer}: ${last - from + 1} records from ${callId({ producer, seq: from })} on are not signed yet`);
  }
}

const describeEnd = (chains: StoredChains, producer: string): string => `no such record, its last is ${chains.last(producer)?.seq ?? 0}`;

/** Says which anchors are behind. Resolves with the number of the last entry that the store took. */
export async function verifyAnchors(outboxes: string, log: SignedLog, findings: Findings): Promise<number> {
  const names = await readdir(outboxes).catch(() => []);
  const last = log.entries.at(-1);
  let shipped = 0;
  for (const name of names.filter((one) => one.endsWith(".json"))) {
    const state = JSON.parse(await readFile(join(outboxes, name), "utf8")) as OutboxState;
    if (state.anchor === "store") shipped = state.index;
    const behind = (last ? entryIndex(last) : 0) - state.index;
    if (behind > 0) findings.note(`anchor ${state.anchor} is ${behind} entries behind${state.lastError ? `: ${state.lastError}` : ""}`);
    if (state.skipped > 0) findings.note(`anchor ${state.anchor} was spared ${state.skipped} entries, which later ones vouch for`);
  }
  return shipped;
}

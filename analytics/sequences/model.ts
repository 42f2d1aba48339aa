import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";

const inForceSql = loadSql(new URL("./in-force.sql", import.meta.url));
const transitionsSql = loadSql(new URL("./transitions.sql", import.meta.url));

/** One count of a model, as its tables hold it. */
export interface TransitionRow {
  class: string;
  /** `after_untrusted`: in so many tasks `next` came for the first time after an untrusted read. `acts`: so many tasks acted at
   * least `next` times after one; the same call again is no act. */
  kind: "transition" | "after_untrusted" | "acts";
  context: string;
  next: string;
  count: number;
}

export interface SequenceModelVersion {
  version: string;
  learntFromMs: number;
  learntToMs: number;
  tasks: number;
  /** Scores of ordinary tasks, the newest first. */
  calibration: readonly number[];
  /** When each block that it is made of was counted, by the block's start. */
  blocks: ReadonlyMap<number, number>;
}

/** How versions are made and what their calibration scores mean. One of another method is not gone by. */
export const sequenceMethod = "Witten-Bell back-off over 0 to 3 calls, acts and arguments after untrusted reads, repeats left out, blocks of an hour";

/** A version is named by the moment up to which it learnt: `2026-01-05T12:00Z`. */
export const versionName = (learntToMs: number): string => `${new Date(learntToMs).toISOString().slice(0, 16)}Z`;

/** The newest model that had learnt nothing of what came after `atMs`, unless it is older than `maxAgeMs`. */
export async function readInForce(store: Store, { atMs, maxAgeMs }: { atMs: number; maxAgeMs: number }): Promise<SequenceModelVersion | undefined> {
  const [row] = await store.query<{ version: string; learnt_from_ms: string; learnt_to_ms: string; tasks: number; calibration: number[]; blocks: [number, string][] }>(inForceSql, { at_ms: atMs, not_before_ms: atMs - maxAgeMs, method: sequenceMethod });
  if (row === undefined) return undefined;
  return {
    version: row.version,
    learntFromMs: Number(row.learnt_from_ms),
    learntToMs: Number(row.learnt_to_ms),
    tasks: row.tasks,
    calibration: row.calibration,
    blocks: new Map(row.blocks.map(([at, counted]) => [at * 1000, Number(counted)])),
  };
}

export async function readTransitions(store: Store, version: string): Promise<TransitionRow[]> {
  const out: TransitionRow[] = [];
  for await (const rows of store.stream<TransitionRow>(transitionsSql, { version })) for (const row of rows) out.push(row);
  return out;
}

import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Window } from "../../schedule/job.ts";
import { mostActs } from "../unusual-sequences/score.ts";
import { leftOutParams, type LeftOut } from "./left-out.ts";

/** A block's length: the step of the job, so that one more model costs one more block. */
export const blockMs = 3_600_000;
/** Blocks that are counted in one query where many are missing, as before the first model. */
const mostAtOnce = 6;

const countsSql = loadSql(new URL("./counts.sql", import.meta.url));
const countedSql = loadSql(new URL("./counted-blocks.sql", import.meta.url));

/** The blocks of a stretch that were counted, by their start, and when. */
export async function readCounted(store: Store, { fromMs, toMs }: Window): Promise<Map<number, number>> {
  const rows = await store.query<{ block_ms: string; counted_ms: string }>(countedSql, { from_ms: fromMs, to_ms: toMs });
  return new Map(rows.map((row) => [Number(row.block_ms), Number(row.counted_ms)]));
}

/** What became known of a stretch of time, and when. */
export interface Touched extends Window {
  markedMs: number;
}

/**
 * The stretches to count: blocks that never were, and those that something became known of after they had been. `again` says
 * whether there are any of these.
 */
export function blocksToCount(range: Window, counted: ReadonlyMap<number, number>, touched: readonly Touched[]): { ranges: Window[]; again: boolean } {
  const ranges: Window[] = [];
  let again = false;
  for (let fromMs = range.fromMs; fromMs < range.toMs; fromMs += blockMs) {
    const toMs = fromMs + blockMs;
    const countedMs = counted.get(fromMs);
    const stale = countedMs !== undefined && touched.some((t) => t.markedMs > countedMs && t.fromMs < toMs && t.toMs > fromMs);
    again ||= stale;
    if (countedMs !== undefined && !stale) continue;
    const last = ranges.at(-1);
    if (last?.toMs === fromMs && toMs - last.fromMs <= mostAtOnce * blockMs) last.toMs = toMs;
    else ranges.push({ fromMs, toMs });
  }
  return { ranges, again };
}

/** Counts one stretch. Its blocks are said to be counted when all of their counts are stored, so a run that is cut off counts for nothing. */
export async function countBlocks(store: Store, range: Window, options: { lookBackMs: number; leftOut: LeftOut; nowMs: number }): Promise<void> {
  const { lookBackMs, leftOut, nowMs } = options;
  const countedAt = new Date(nowMs).toISOString();
  const counts = new Map<number, number>();
  for (let blockAt = range.fromMs; blockAt < range.toMs; blockAt += blockMs) counts.set(blockAt, 0);
  const params = { look_back_from_ms: range.fromMs - lookBackMs, from_ms: range.fromMs, to_ms: range.toMs, step_ms: blockMs, most_acts: mostActs, ...leftOutParams(leftOut) };
  for await (const rows of store.stream<{ block_ms: string; class: string; kind: string; context: string; next: string; count: number }>(countsSql, params)) {
    for (const row of rows) counts.set(Number(row.block_ms), (counts.get(Number(row.block_ms)) ?? 0) + 1);
    await store.insert(
      "sequence_counts",
      rows.map((row) => ({ block: seconds(Number(row.block_ms)), counted_at: countedAt, task_class: row.class, kind: row.kind, context: row.context, next: row.next, count: row.count })),
    );
  }
  await store.insert("sequence_blocks", [...counts].map(([blockAt, n]) => ({ block: seconds(blockAt), counted_at: countedAt, counts: n })));
}

const seconds = (ms: number): number => Math.floor(ms / 1000);

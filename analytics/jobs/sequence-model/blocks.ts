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
const callsSql = loadSql(new URL("./block-calls.sql", import.meta.url));
const sizesSql = loadSql(new URL("./block-sizes.sql", import.meta.url));

/** One counting of a block: its start, when it was counted, and how many different counts that gave. */
export interface CountedBlock {
  readonly blockMs: number;
  readonly countedMs: number;
  readonly counts: number;
}

/** Every counting of the blocks of a stretch. */
export async function readCounted(store: Store, { fromMs, toMs }: Window): Promise<CountedBlock[]> {
  const rows = await store.query<{ block_ms: string; counted_ms: string; counts: number }>(countedSql, { from_ms: fromMs, to_ms: toMs });
  return rows.map((row) => ({ blockMs: Number(row.block_ms), countedMs: Number(row.counted_ms), counts: row.counts }));
}

/** When each block was counted last, by its start. */
export function newestOf(counted: readonly CountedBlock[]): Map<number, number> {
  const newest = new Map<number, number>();
  for (const { blockMs: at, countedMs } of counted) newest.set(at, Math.max(countedMs, newest.get(at) ?? 0));
  return newest;
}

/** Calls in each block of a stretch, by its start. */
export async function readBlockCalls(store: Store, { fromMs, toMs }: Window): Promise<Map<number, number>> {
  const rows = await store.query<{ block_ms: string; calls: number }>(callsSql, { from_ms: fromMs, to_ms: toMs });
  return new Map(rows.map((row) => [Number(row.block_ms), row.calls]));
}

/** What became known of a stretch of time, and when. */
export interface Touched extends Window {
  markedMs: number;
}

/**
 * The stretches to count: blocks that never were, and those that something became known of after they had been. Of more calls
 * than `most` the newest blocks are counted, and the older ones next time; `again` says whether any of them had been counted.
 */
export function blocksToCount(
  range: Window,
  counted: ReadonlyMap<number, number>,
  touched: readonly Touched[],
  { calls, most }: { calls: ReadonlyMap<number, number>; most: number },
): { ranges: Window[]; again: boolean; left: number } {
  const blocks: number[] = [];
  let again = false;
  let taken = 0;
  let left = 0;
  for (let fromMs = range.toMs - blockMs; fromMs >= range.fromMs; fromMs -= blockMs) {
    const countedMs = counted.get(fromMs);
    const stale = countedMs !== undefined && touched.some((t) => t.markedMs > countedMs && t.fromMs < fromMs + blockMs && t.toMs > fromMs);
    if (countedMs !== undefined && !stale) continue;
    const size = calls.get(fromMs) ?? 0;
    if (left > 0 || (blocks.length > 0 && taken + size > most)) {
      left++;
      continue;
    }
    taken += size;
    again ||= stale;
    blocks.unshift(fromMs);
  }
  return { ranges: together(blocks), again, left };
}

function together(blocks: readonly number[]): Window[] {
  const ranges: Window[] = [];
  for (const fromMs of blocks) {
    const last = ranges.at(-1);
    if (last?.toMs === fromMs && fromMs + blockMs - last.fromMs <= mostAtOnce * blockMs) last.toMs += blockMs;
    else ranges.push({ fromMs, toMs: fromMs + blockMs });
  }
  return ranges;
}

/** Counts one stretch. Its blocks are said to be counted when all of their counts are stored, so a run that is cut off counts for nothing. */
export async function countBlocks(store: Store, range: Window, options: { lookBackMs: number; leftOut: LeftOut; nowMs: number; calls: ReadonlyMap<number, number> }): Promise<void> {
  const { lookBackMs, leftOut, nowMs, calls } = options;
  const sizes = new Map<number, number>();
  for (let blockAt = range.fromMs; blockAt < range.toMs; blockAt += blockMs) sizes.set(blockAt, 0);
  if ([...sizes.keys()].some((blockAt) => calls.has(blockAt))) {
    const stretch = { from_ms: range.fromMs, to_ms: range.toMs };
    await store.command(countsSql.text, { ...stretch, look_back_from_ms: range.fromMs - lookBackMs, step_ms: blockMs, most_acts: mostActs, counted_at_ms: nowMs, ...leftOutParams(leftOut) });
    const rows = await store.query<{ block_ms: string; counts: number }>(sizesSql, { ...stretch, counted_at_ms: nowMs });
    for (const row of rows) sizes.set(Number(row.block_ms), row.counts);
  }
  const countedAt = new Date(nowMs).toISOString();
  await store.insert("sequence_blocks", [...sizes].map(([blockAt, counts]) => ({ block: blockAt / 1000, counted_at: countedAt, counts })));
}

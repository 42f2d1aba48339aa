import { newestOf, type CountedBlock } from "./blocks.ts";

export interface VersionPlan {
  readonly added: readonly CountedBlock[];
  readonly dropped: readonly CountedBlock[];
  /** When each block that the version is made of was counted, by the block's start. */
  readonly blocks: ReadonlyMap<number, number>;
}

/**
 * How the next version is made of the one before: which counted blocks come and which go. Of more counts than `most` the newest
 * come first and the oldest go first, and the rest with the versions after, so that a version never costs the whole history. A block
 * that was counted again takes the place of what it was.
 */
export function planVersion(before: ReadonlyMap<number, number>, counted: readonly CountedBlock[], fromMs: number, most: number): VersionPlan {
  const byCounting = new Map(counted.map((one) => [`${one.blockMs} ${one.countedMs}`, one]));
  const find = (blockMs: number, countedMs: number): CountedBlock => byCounting.get(`${blockMs} ${countedMs}`) ?? { blockMs, countedMs, counts: 0 };
  const now = [...newestOf(counted)].filter(([blockMs]) => blockMs >= fromMs).map(([blockMs, countedMs]) => find(blockMs, countedMs));
  const comes = now.filter(({ blockMs, countedMs }) => before.get(blockMs) !== countedMs);
  const goes = [...before].filter(([blockMs]) => blockMs < fromMs).map(([blockMs, countedMs]) => find(blockMs, countedMs));
  const added = upTo(most, comes.sort((a, b) => b.blockMs - a.blockMs));
  const replaced = added.flatMap(({ blockMs }) => (before.has(blockMs) ? [find(blockMs, before.get(blockMs)!)] : []));
  const old = upTo(most, goes.sort((a, b) => a.blockMs - b.blockMs));
  const blocks = new Map(before);
  for (const { blockMs } of old) blocks.delete(blockMs);
  for (const { blockMs, countedMs } of added) blocks.set(blockMs, countedMs);
  return { added, dropped: [...replaced, ...old], blocks };
}

/** The first of them, one at least. */
function upTo(most: number, blocks: readonly CountedBlock[]): CountedBlock[] {
  const taken: CountedBlock[] = [];
  let counts = 0;
  for (const block of blocks) {
    if (taken.length > 0 && counts + block.counts > most) break;
    counts += block.counts;
    taken.push(block);
  }
  return taken;
}

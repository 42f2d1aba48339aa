import { randomBytes } from "node:crypto";
import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import type { ChainHead } from "./chain.ts";
import type { Kept } from "./kept.ts";
import { dayBefore } from "./time.ts";

/** What is looked at: all records, or of each producer those from a number on. */
export interface Scope {
  /** Null for all. Received a day earlier still counts as near: a call that takes long has an old time and a new number. */
  readonly sinceMs: number | null;
  /** Empty for all. */
  readonly producer: string;
  readonly kept: Kept;
  /** Where each producer's part begins. `hash` is what its first record must be chained to, where that is known. */
  readonly starts: ReadonlyMap<string, { readonly seq: number; readonly hash: string | null }>;
}

/** The store's parameters of a scope. */
export function scopeParams({ sinceMs, producer, starts }: Scope) {
  return {
    since: sinceMs === null ? "1970-01-01 00:00:00" : dayBefore(new Date(sinceMs).toISOString()),
    whole: sinceMs === null ? 1 : 0,
    producer,
    producers: [...starts.keys()],
    starts: [...starts.values()].map(({ seq }) => seq),
  };
}

/** 65,536 numbers of a producer, as verify-blocks.sql adds them up. */
export interface Block {
  readonly producer: string;
  readonly block: number;
  readonly records: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstPrevHash: string;
  readonly lastHash: string;
  readonly from: string;
  readonly to: string;
  /** Every record is what was hashed, and there is one for every number, each chained to the one before. */
  readonly sound: boolean;
  readonly contents: string;
}

/** What the store holds of each producer's chain. */
export interface StoredChains {
  readonly blocks: ReadonlyMap<string, readonly Block[]>;
  /** Of `calls`, by producer and block. */
  readonly callContents: ReadonlyMap<string, { readonly producer: string; readonly block: number; readonly records: number; readonly contents: string }>;
  /** The stored hash of a record, where it was asked for or a checkpoint ends with it. */
  hashOf(producer: string, seq: number): string | undefined;
  last(producer: string): ChainHead | null;
  firstSeq(producer: string): number | null;
}

const blocksSql = loadSql(new URL("./verify-blocks.sql", import.meta.url));
const callBlocksSql = loadSql(new URL("./verify-call-blocks.sql", import.meta.url));

export const blockKey = (producer: string, block: number): string => `${producer} ${block}`;

/** Reads spans and calls once each. `heads` are numbers whose hashes are wanted. */
export async function readChains(store: Store, scope: Scope, heads: readonly number[]): Promise<StoredChains> {
  // Drawn anew each time, so that no row can be made to add up to what another one does.
  const random = randomBytes(16);
  const key = { key_low: random.readBigUInt64LE(0), key_high: random.readBigUInt64LE(8) };
  const params = scopeParams(scope);
  type BlockRow = Record<"producer" | "first_seq" | "last_seq" | "first_prev_hash" | "last_hash" | "from" | "to" | "contents", string> &
    Record<"block" | "records" | "changed" | "linked", number> & { heads: [seq: string, hash: string][] };
  // Side by side: the end of either leaves cores idle by itself.
  const [rows, calls] = await Promise.all([
    store.query<BlockRow>(blocksSql, { ...params, ...key, heads: [...heads] }),
    store.query<{ producer: string; block: number; records: number; contents: string }>(callBlocksSql, { ...params, ...key }),
  ]);

  const blocks = new Map<string, Block[]>();
  const hashes = new Map<string, string>();
  for (const row of rows) {
    const [firstSeq, lastSeq] = [Number(row.first_seq), Number(row.last_seq)];
    const { producer, block, records, contents, from, to } = row;
    const sound = row.changed === 0 && row.linked === 1 && records === lastSeq - firstSeq + 1;
    const chain = blocks.get(producer) ?? [];
    if (chain.length === 0) blocks.set(producer, chain);
    chain.push({ producer, block, records, firstSeq, lastSeq, firstPrevHash: row.first_prev_hash, lastHash: row.last_hash, from, to, sound, contents });
    for (const [seq, hash] of row.heads) hashes.set(blockKey(producer, Number(seq)), hash);
  }
  const last = (producer: string): ChainHead | null => {
    const block = blocks.get(producer)?.at(-1);
    return block ? { seq: block.lastSeq, hash: block.lastHash } : null;
  };
  return {
    blocks,
    callContents: new Map(calls.map((row) => [blockKey(row.producer, row.block), row])),
    hashOf: (producer, seq) => hashes.get(blockKey(producer, seq)) ?? (last(producer)?.seq === seq ? last(producer)?.hash : undefined),
    last,
    firstSeq: (producer) => blocks.get(producer)?.[0]?.firstSeq ?? null,
  };
}

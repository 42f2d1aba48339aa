import type { Store } from "../store/client.ts";
import { readHorizons } from "../store/apply-retention.ts";

/**
 * From when on each table must have all of its rows. What is missing before may have been removed by retention; a row that is
 * there is checked however old it is.
 */
export interface Kept {
  readonly spansMs: number;
  readonly callsMs: number;
  readonly minutesMs: number;
}

export const ALL_KEPT: Kept = { spansMs: 0, callsMs: 0, minutesMs: 0 };

/**
 * A row's own time decides when it goes, and here its neighbours' times stand for it: a call that takes long has an old time
 * and a new number.
 */
const MARGIN_MS = 86_400_000;

export async function readKept(store: Store): Promise<Kept> {
  const horizons = new Map((await horizonsOf(store)).map((row) => [row.table_name, Date.parse(row.horizon)]));
  const of = (table: string): number => {
    const ms = horizons.get(table) ?? 0;
    return ms > 0 ? ms + MARGIN_MS : 0;
  };
  return { spansMs: of("otel_traces"), callsMs: of("calls"), minutesMs: of("calls_1m") };
}

async function horizonsOf(store: Store): Promise<{ table_name: string; horizon: string }[]> {
  try {
    return await readHorizons(store);
  } catch (error) {
    // 60 is UNKNOWN_TABLE: a store that has not been migrated since removes nothing.
    if ((error as { code?: string }).code === "60") return [];
    throw error;
  }
}

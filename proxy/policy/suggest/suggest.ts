import type { Store } from "../../../collector/store/client.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import type { RegistrySnapshot } from "../../registry/server-entry.ts";
import { draftRules } from "./draft.ts";
import { groupUncovered } from "./group.ts";
import type { UncoveredCalls } from "./uncovered.ts";

const uncoveredSql = loadSql(new URL("./uncovered-calls.sql", import.meta.url));
const MAX_ROWS = 20_000;

/** Drafts rules as YAML for what was recorded from `fromMs` until `toMs`, Unix milliseconds. Rejects with the store's errors. */
export async function suggestRules(store: Store, registry: RegistrySnapshot, window: { fromMs: number; toMs: number }): Promise<string> {
  const [from, to] = [new Date(window.fromMs), new Date(window.toMs)];
  const rows = await store.query<UncoveredCalls>(uncoveredSql, { from, to, max_rows: MAX_ROWS + 1 });
  const incomplete = rows.length > MAX_ROWS;
  const shown = rows.slice(0, MAX_ROWS);
  return draftRules(groupUncovered(shown, registry), shown, { from: from.toISOString(), to: to.toISOString(), incomplete });
}

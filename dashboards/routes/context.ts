import type { Clock } from "../../collector/kernel/clock.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { DashboardsConfig } from "../config.ts";
import type { Store } from "../rows.ts";
import type { RawQuery } from "../sql/raw-query.ts";

/** What every route is handed. Pages read through `readOnlyStore`; only a person's action on an alert writes. */
export interface RouteContext {
  readonly store: Store;
  readonly readOnlyStore: Store;
  /** What the SQL box runs with. */
  readonly rawQuery: RawQuery;
  readonly clock: Clock;
  readonly config: DashboardsConfig;
  readonly logger: Logger;
  /** Where delivered reports are; null where the console runs without a data directory. */
  readonly reportsDir: string | null;
  /** False until the store has answered and its tables are there. */
  readonly storeReady: () => boolean;
}


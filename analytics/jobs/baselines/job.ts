import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Job } from "../../schedule/job.ts";
import { methodOf, spreadOf, type BaselineMetric } from "./score.ts";

export interface BaselinesConfig {
  historyMs: number;
  latenessMs: number;
  minBuckets: number;
}

const hourMs = 3_600_000;

const baselinesSql = loadSql(new URL("./baselines.sql", import.meta.url));

interface BaselineRow {
  metric: BaselineMetric;
  entity_kind: string;
  entity: string;
  first_ms: number;
  n: number;
  centre: number;
  mad: number;
  quantiles: Record<string, number>;
}

/** What is usual for each agent, tool and server: for pages to show, and for people to compare a finding with. */
export function baselines(config: BaselinesConfig): Job {
  return {
    name: "baselines",
    cron: "4 * * * *",
    stepMs: hourMs,
    windowMs: hourMs,
    latenessMs: config.latenessMs,
    async run({ store, window, nowMs }) {
      const rows = await store.query<BaselineRow>(baselinesSql, { history_from_ms: window.toMs - config.historyMs, window_end_ms: window.toMs });
      await store.insert(
        "baselines",
        rows.map((row) => ({
          computed_at: new Date(nowMs).toISOString(),
          metric: row.metric,
          entity_kind: row.entity_kind,
          entity: row.entity,
          learnt_from: new Date(row.first_ms).toISOString(),
          learnt_to: new Date(window.toMs).toISOString(),
          n: row.n,
          centre: row.centre,
          spread: spreadOf(row),
          quantiles: row.quantiles,
          method: methodOf(row, config.minBuckets),
        })),
      );
      return { findings: [] };
    },
  };
}

import { computeMetrics, writeMetrics } from "../../metrics/index.ts";
import type { Job } from "../../schedule/job.ts";

export interface LeadershipMetricsConfig {
  periodMs: number;
  latenessMs: number;
}

const hourMs = 3_600_000;

/** Keeps the four numbers for the period that ends with each hour, so that a trend shows without computing the past again. */
export function leadershipMetrics(config: LeadershipMetricsConfig): Job {
  return {
    name: "leadership-metrics",
    cron: "14 * * * *",
    stepMs: hourMs,
    windowMs: config.periodMs,
    latenessMs: config.latenessMs,
    async run({ store, window, nowMs }) {
      await writeMetrics(store, await computeMetrics(store, window, nowMs));
      return { findings: [] };
    },
  };
}

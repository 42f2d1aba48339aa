import { computeMetrics, computeParts, writeMetrics } from "../../metrics/index.ts";
import type { Job } from "../../schedule/job.ts";

export interface LeadershipMetricsConfig {
  periodMs: number;
  latenessMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Keeps the four numbers for the period that ends with each hour, and their parts by team, server and environment for the
 * one that ends with each day (UTC), so that a trend shows without computing the past again.
 */
export function leadershipMetrics(config: LeadershipMetricsConfig): Job {
  return {
    name: "leadership-metrics",
    cron: "14 * * * *",
    stepMs: hourMs,
    windowMs: config.periodMs,
    latenessMs: config.latenessMs,
    async run({ store, window, nowMs }) {
      const values = await computeMetrics(store, window, nowMs);
      await writeMetrics(store, values, window.toMs % dayMs === 0 ? await computeParts(store, window, nowMs) : []);
      return { findings: [] };
    },
  };
}

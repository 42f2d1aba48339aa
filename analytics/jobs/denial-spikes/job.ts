import type { BaselineConfig } from "../../baseline/read.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Job } from "../../schedule/job.ts";
import { rateSpikes, type RateSpikesConfig } from "../rate-spikes/job.ts";

const sql = (name: string) => loadSql(new URL(`./${name}.sql`, import.meta.url));
const counted = {
  job: "denial-spikes",
  detector: "denial_spike",
  metric: "Denials",
  unit: "denials",
  verb: "were denied",
  among: "agents and tools",
  baseline: { metric: "denial_rate", kinds: ["agent", "tool"] },
  series: sql("denial-spikes"),
  evidence: sql("evidence"),
  contributors: sql("contributors"),
  examples: sql("examples"),
} as const;

/** Agents and tools that are denied far more often than before. */
export const denialSpikes = (config: RateSpikesConfig, baselines: BaselineConfig): Job => rateSpikes(counted, config, baselines);

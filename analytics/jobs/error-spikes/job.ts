import type { BaselineConfig } from "../../baseline/read.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Job } from "../../schedule/job.ts";
import { rateSpikes, type RateSpikesConfig } from "../rate-spikes/job.ts";

const sql = (name: string) => loadSql(new URL(`./${name}.sql`, import.meta.url));
const counted = {
  job: "error-spikes",
  detector: "error_spike",
  metric: "Errors",
  unit: "errors",
  verb: "failed",
  among: "tools and servers",
  baseline: { metric: "error_rate", kinds: ["tool", "server"] },
  series: sql("error-spikes"),
  evidence: sql("evidence"),
  contributors: sql("contributors"),
  examples: sql("examples"),
} as const;

/** Tools and servers whose forwarded calls fail far more often than before. */
export const errorSpikes = (config: RateSpikesConfig, baselines: BaselineConfig): Job => rateSpikes(counted, config, baselines);

import { analyticsConfigSchema, type AnalyticsConfig } from "../config.ts";
import type { Job } from "../schedule/job.ts";
import { anchorFailures } from "./anchor-failures/job.ts";
import { baselines, pairBaselines, timeBaselines } from "./baselines/job.ts";
import { controlChanges, deprecatedServers } from "./control-changes/job.ts";
import { denialSpikes } from "./denial-spikes/job.ts";
import { errorSpikes } from "./error-spikes/job.ts";
import { firstUse } from "./first-use/job.ts";
import { latencyDrift } from "./latency-drift/job.ts";
import { leadershipMetrics } from "./leadership-metrics/job.ts";
import { retryStorms } from "./retry-storms/job.ts";
import { scopeEscape } from "./scope-escape/job.ts";
import { sequenceGaps } from "./sequence-gaps/job.ts";
import { sequenceModel } from "./sequence-model/job.ts";
import { taintFlows } from "./taint-flows/job.ts";
import { unusualSequences } from "./unusual-sequences/job.ts";
import { volume } from "./volume/job.ts";

/** The enabled jobs, each with its part of the configuration. */
export function createJobs(config: AnalyticsConfig): Job[] {
  const all: Job[] = [
    baselines(config.baselines),
    timeBaselines(config.baselines),
    pairBaselines(config.baselines),
    denialSpikes(config.denialSpikes, config.baselines),
    errorSpikes(config.errorSpikes, config.baselines),
    latencyDrift(config.latencyDrift, config.baselines),
    // Before the job that goes by what it learns: at a start both catch up.
    sequenceModel(config.sequenceModel),
    unusualSequences(config.unusualSequences),
    volume(config.volume, config.baselines),
    firstUse(config.firstUse),
    retryStorms(config.retryStorms),
    scopeEscape(config.scopeEscape),
    taintFlows(config.taintFlows),
    sequenceGaps(config.sequenceGaps),
    leadershipMetrics(config.leadershipMetrics),
    controlChanges(config.controlChanges),
    deprecatedServers(config.controlChanges),
    anchorFailures(config.anchorFailures),
  ];
  const enabled: readonly string[] = config.enabled;
  return all.filter((job) => enabled.includes(job.name));
}

/** Every job with its defaults. */
export const jobs: readonly Job[] = createJobs(analyticsConfigSchema.parse({}));

import { z } from "zod";

const minutes = 60_000;
const hours = 60 * minutes;
const days = 24 * hours;

export const jobNames = ["baselines", "time-baselines", "pair-baselines", "denial-spikes", "error-spikes", "latency-drift", "sequence-model", "unusual-sequences", "volume", "first-use", "retry-storms", "scope-escape", "taint-flows", "sequence-gaps", "leadership-metrics", "control-changes", "deprecated-servers", "anchor-failures"] as const;

const ms = z.int().positive();
const count = z.int().nonnegative();
const share = z.number().positive().max(1);

/** Denials and errors: the same statistic, each with its thresholds. */
const rateSpikes = (minExcess: number) =>
  z.strictObject({
    historyMs: ms.default(7 * days),
    latenessMs: ms.default(1 * minutes),
    minExcess: z.number().nonnegative().default(minExcess),
    minRateRise: z.number().nonnegative().default(0.02),
    minRatio: z.number().min(1).default(2),
    fdr: share.default(0.05),
    pageFdr: share.default(0.01),
    minCalls: count.default(20),
    warmBuckets: count.default(12),
    warmCalls: count.default(100),
  }).prefault({});

/** The defaults find a disturbance after an hour and a half of history; see each job's thresholds for what they mean. */
export const analyticsConfigSchema = z.strictObject({
  enabled: z.array(z.enum(jobNames)).default([...jobNames]),
  /** After a longer pause older windows are left out. */
  maxCatchUpMs: ms.default(24 * hours),
  stopDeadlineMs: ms.default(20_000),
  /** What is usual, hour by hour: for the job of this name and for the detectors that compare with it. */
  baselines: z
    .strictObject({
      /** Five weeks give an hour of the week four like it, with one to spare. */
      historyMs: ms.default(35 * days),
      latenessMs: ms.default(2 * minutes),
      /** Hours of history below which it is a cold start, and from which on hours are compared with the same hour of other
       * days, of other weekdays or weekends, and of other weeks. */
      minHours: count.default(48),
      hourOfDayHours: count.default(7 * 24),
      kindOfDayHours: count.default(14 * 24),
      hourOfWeekHours: count.default(28 * 24),
      minAlike: count.default(3),
      /** The rate of so many calls counts as much as the parent's. */
      shrinkCalls: count.default(100),
    })
    .prefault({}),
  denialSpikes: rateSpikes(5),
  // Errors come in bad hours: over two weeks of eight tools with four times the errors in every twentieth hour, an excess of
  // 5 gives 21 findings and one of 8 gives 1.
  errorSpikes: rateSpikes(8),
  latencyDrift: z
    .strictObject({
      recentMs: ms.default(10 * minutes),
      baselineMs: ms.default(1 * days),
      latenessMs: ms.default(1 * minutes),
      minRecentCalls: count.default(8),
      minBaselineCalls: count.default(60),
      warmSteps: count.default(12),
      minRiseMs: z.number().nonnegative().default(10),
      minRatio: z.number().min(1).default(1.5),
      fdr: share.default(0.005),
    })
    .prefault({}),
  sequenceModel: z
    .strictObject({
      historyMs: ms.default(7 * days),
      lookBackMs: ms.default(1 * days),
      latenessMs: ms.default(2 * minutes),
      calibrationSequences: z.int().positive().default(2000),
    })
    .prefault({}),
  unusualSequences: z
    .strictObject({
      lookBackMs: ms.default(1 * days),
      latenessMs: ms.default(1 * minutes),
      maxModelAgeMs: ms.default(1 * days),
      minSequences: count.default(30),
      warmSequences: count.default(100),
      minClassSequences: count.default(10),
      minBits: z.number().nonnegative().default(8),
      // A tick's rate is that of its false alarms, and a day has 288 ticks: at 0.05 a quiet day had eight.
      fdr: share.default(0.001),
    })
    .prefault({}),
  volume: z
    .strictObject({
      latenessMs: ms.default(2 * minutes),
      minRatio: z.number().min(1).default(3),
      minExcess: z.number().nonnegative().default(100),
      maxShare: z.number().nonnegative().max(1).default(0.1),
      minExpected: z.number().nonnegative().default(20),
      overLargest: z.number().min(1).default(1.2),
      fdr: share.default(0.001),
    })
    .prefault({}),
  firstUse: z
    .strictObject({
      latenessMs: ms.default(1 * minutes),
      /** What an entity does for the first time in its first days is how it shows what its work is. */
      coldMs: ms.default(3 * days),
      minScore: z.number().nonnegative().default(1),
    })
    .prefault({}),
  retryStorms: z
    .strictObject({
      historyMs: ms.default(1 * days),
      spanMs: ms.default(30 * minutes),
      latenessMs: ms.default(1 * minutes),
      minTimes: count.default(10),
      coldTimes: count.default(30),
      warmUnits: count.default(20),
      minRatio: z.number().min(1).default(3),
      minScore: z.number().nonnegative().default(2),
    })
    .prefault({}),
  scopeEscape: z
    .strictObject({
      historyMs: ms.default(7 * days),
      latenessMs: ms.default(1 * minutes),
      /** The clocks of two machines may differ by so much before a call counts as one after the end of its task. */
      graceMs: count.default(5000),
      minScore: z.number().nonnegative().default(1),
      minAgainScore: z.number().nonnegative().default(2),
      warmUnits: count.default(20),
    })
    .prefault({}),
  taintFlows: z
    .strictObject({
      historyMs: ms.default(7 * days),
      lookBackMs: ms.default(1 * days),
      latenessMs: ms.default(1 * minutes),
      instructionScore: share.default(0.5),
      minScore: z.number().nonnegative().default(2),
      minInstructedScore: z.number().nonnegative().default(1.5),
      minAgainScore: z.number().nonnegative().default(2.5),
      minUnits: count.default(5),
      warmUnits: count.default(30),
    })
    .prefault({}),
  sequenceGaps: z
    .strictObject({
      lookBackMs: ms.default(1 * days),
      latenessMs: ms.default(5 * minutes),
      /** A record is late when it is stored so long after its call ended. */
      lateAfterMs: ms.default(5 * minutes),
    })
    .prefault({}),
  controlChanges: z.strictObject({ latenessMs: ms.default(1 * minutes) }).prefault({}),
  anchorFailures: z
    .strictObject({
      lookBackMs: ms.default(1 * days),
      latenessMs: ms.default(2 * minutes),
      /** A place that is away for less than this is looked after by trying again. */
      failingForMs: ms.default(1 * hours),
    })
    .prefault({}),
  leadershipMetrics: z.strictObject({ periodMs: ms.default(7 * days), latenessMs: ms.default(10 * minutes) }).prefault({}),
});

export type AnalyticsConfig = z.infer<typeof analyticsConfigSchema>;

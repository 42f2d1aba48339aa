import { readingStore } from "../../../analytics/backtest/run.ts";
import { isAbout, scoreBacktest, type BacktestScore } from "../../../analytics/backtest/score.ts";
import { analyticsConfigSchema, createJobs, readFindings, runJobsOver, writeFindings, type Finding, type Job, type JobRun } from "../../../analytics/index.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Random } from "../../support/random.ts";
import { allLabels, type Planted } from "./incidents.ts";
import { monthStartMs } from "./traffic.ts";
import { day, hour } from "./work.ts";

const minute = 60_000;

/** A stretch of the month and the jobs whose windows that end in it are run. */
export interface Stretch {
  readonly jobs: readonly Job[];
  readonly fromMs: number;
  readonly toMs: number;
  /** The kinds of job of which all are run: what nobody planted is counted over such time. */
  readonly covers: readonly ("rare" | "frequent")[];
}

/** A finding, and what its own SQL gives. */
export interface Checked {
  readonly finding: Finding;
  readonly evidence: { readonly actual: number; readonly expected: number } | null;
  readonly reproduced: boolean;
  /** About something that was planted. */
  readonly true: boolean;
}

export interface IncidentVerdict {
  readonly planted: Planted;
  /** The first finding about it by the detector that should find it; null where it was missed. */
  readonly found: Checked | null;
  /** From its beginning to when the job would have said so. */
  readonly afterMs: number | null;
  /** All findings about it, of any detector. */
  readonly findings: number;
}

export interface Verdict {
  readonly incidents: readonly IncidentVerdict[];
  readonly checked: readonly Checked[];
  readonly score: BacktestScore;
  readonly windows: number;
  readonly failed: readonly JobRun[];
  /** How much of the month each kind of job was run over, in days, and what it found that nobody planted. */
  readonly judged: readonly { readonly what: string; readonly days: number; readonly falseFindings: number }[];
  readonly falsePerDay: number;
  /** Every incident found, every figure reproduced, every window run. */
  readonly passed: boolean;
}

const jobs = createJobs(analyticsConfigSchema.parse({}));
/** These learn and count, and find nothing. */
const notSeeking: readonly string[] = ["baselines", "time-baselines", "pair-baselines", "leadership-metrics", "sequence-model"];
const seeking = jobs.filter((job) => !notSeeking.includes(job.name));
const learning = jobs.filter((job) => job.name === "sequence-model");
const rare = seeking.filter((job) => job.stepMs >= hour);
const frequent = seeking.filter((job) => job.stepMs < hour);

/** The job that makes a detector's findings. */
function jobOf(detector: Finding["detector"]): Job {
  const name = detector === "silence" ? "volume" : detector.replaceAll("_", "-");
  const job = seeking.find((one) => one.name === name || one.name === `${name}s`);
  if (!job) throw new Error(`no job makes findings of ${detector}`);
  return job;
}

/** The least that can be looked at: each incident's own job, from its beginning to some minutes after its end. */
export function ownStretches(planted: readonly Planted[]): Stretch[] {
  return planted.map(({ label }) => ({ jobs: [jobOf(label.kind)], fromMs: down(label.fromMs), toMs: down(label.toMs) + 15 * minute, covers: [] }));
}

/**
 * Where to look. A month has 8,064 windows of five minutes, which take these jobs over an hour. So hourly and daily jobs look at
 * all of it; the others look at the time around each incident (after its first hour only the job that should find it goes on)
 * and at twelve quiet hours: a half of each hour of the day, each of another day. `whole` looks at everything.
 */
export function stretchesOf(planted: readonly Planted[], days: number, random: Random, whole: boolean): Stretch[] {
  const month = { fromMs: monthStartMs, toMs: monthStartMs + days * day };
  if (whole) return Array.from({ length: days }, (_, d) => ({ jobs: seeking, fromMs: month.fromMs + d * day, toMs: month.fromMs + (d + 1) * day, covers: ["rare", "frequent"] }));
  const around = planted.map(({ label }): Stretch => ({ jobs: frequent, fromMs: down(label.fromMs - 10 * minute), toMs: down(Math.min(label.toMs, label.fromMs + hour)) + 15 * minute, covers: ["frequent"] }));
  const onwards = planted.flatMap(({ label }, i): Stretch[] => {
    const { toMs: fromMs } = around[i]!;
    const toMs = down(label.toMs) + 15 * minute;
    const job = jobOf(label.kind);
    return toMs > fromMs && frequent.includes(job) ? [{ jobs: [job], fromMs, toMs, covers: [] }] : [];
  });
  const busy = (fromMs: number, toMs: number): boolean => planted.some(({ label }) => fromMs < label.toMs + hour && toMs > label.fromMs - hour);
  const quiet = Array.from({ length: 24 }, (_, h): Stretch => {
    for (;;) {
      const fromMs = monthStartMs + random.int(2, days) * day + h * hour + random.int(0, 2) * 30 * minute;
      const toMs = fromMs + 30 * minute;
      if (!busy(fromMs, toMs)) return { jobs: frequent, fromMs, toMs, covers: ["frequent"] };
    }
  });
  return [{ jobs: rare, ...month, covers: ["rare"] }, ...around, ...onwards, ...quiet];
}

const down = (ms: number): number => Math.floor(ms / (5 * minute)) * 5 * minute;

/** What is unusual is judged by models that were stored before: one for every hour that is looked at, as the hours went by. */
async function learn(store: Store, stretches: readonly Stretch[]): Promise<void> {
  const hours = stretches.filter(({ jobs }) => jobs.some((job) => job.name === "unusual-sequences")).flatMap(({ fromMs, toMs }) => {
    const first = Math.floor(fromMs / hour) - 1;
    return Array.from({ length: Math.ceil(toMs / hour) - first }, (_, i) => first + i);
  });
  for (const h of [...new Set(hours)].sort((a, b) => a - b)) await runJobsOver({ jobs: learning, store, fromMs: h * hour, toMs: (h + 1) * hour });
}

/** Runs the live jobs over the stretches, stores what they find, and holds it against what was planted. */
export async function judge(options: {
  readonly store: Store;
  readonly planted: readonly Planted[];
  readonly stretches: readonly Stretch[];
  readonly onProgress?: (done: number, of: number) => void;
}): Promise<Verdict> {
  const { store, planted, stretches } = options;
  const runs: JobRun[] = [];
  const found: { stretch: Stretch; findings: Finding[] }[] = [];
  await learn(store, stretches);
  const queue = [...stretches];
  // A run is a function of rows and window, so stretches need not wait for each other; two, for two cores.
  const lane = async (): Promise<void> => {
    for (let stretch = queue.shift(); stretch; stretch = queue.shift()) {
      const replay = await runJobsOver({ ...stretch, store: readingStore(store) });
      runs.push(...replay.runs);
      found.push({ stretch, findings: replay.findings });
      options.onProgress?.(found.length, stretches.length);
    }
  };
  await Promise.all([lane(), lane()]);
  await writeFindings(store, found.flatMap((f) => f.findings));

  const labels = allLabels(planted);
  const checked = new Map<string, Checked>();
  // As they are stored, which is what a person or an alert has to go by.
  for (const finding of await storedFindings(store, stretches)) checked.set(finding.findingId, await check(store, finding, labels));
  const range = { fromMs: Math.min(...stretches.map((s) => s.fromMs)), toMs: Math.max(...stretches.map((s) => s.toMs)) };
  const all = [...checked.values()];
  const incidents = planted.map((one) => verdictOn(one, all));
  const failed = runs.filter((run) => run.status === "error");
  const judged = (["rare", "frequent"] as const).map((kind) => ({
    what: kind === "rare" ? "hourly and daily jobs" : "jobs of one and five minutes",
    days: stretches.filter((s) => s.covers.includes(kind)).reduce((sum, s) => sum + s.toMs - s.fromMs, 0) / day,
    falseFindings: all.filter((c) => !c.true && isRare(c.finding) === (kind === "rare")).length,
  }));
  return {
    incidents,
    checked: all,
    score: scoreBacktest(all.map((c) => c.finding), labels, range),
    windows: runs.length,
    failed,
    judged,
    falsePerDay: judged.reduce((sum, j) => sum + (j.days > 0 ? j.falseFindings / j.days : 0), 0),
    passed: failed.length === 0 && incidents.every((i) => i.found !== null) && all.every((c) => c.reproduced),
  };
}

const isRare = (f: Finding): boolean => ["volume", "silence", "deprecated_use"].includes(f.detector);

/** In parts, since a read has a limit. */
async function storedFindings(store: Store, stretches: readonly Stretch[]): Promise<Finding[]> {
  const parts = await Promise.all(stretches.map(({ fromMs, toMs }) => readFindings(store, { fromMs, toMs })));
  return parts.flat().sort((a, b) => a.windowEndMs - b.windowEndMs || a.findingId.localeCompare(b.findingId));
}

async function check(store: Store, finding: Finding, labels: ReturnType<typeof allLabels>): Promise<Checked> {
  const [row] = await store.query<{ actual: number; expected: number }>(finding.evidenceSql, finding.evidenceParams);
  const evidence = row ? { actual: Number(row.actual), expected: Number(row.expected) } : null;
  const reproduced = evidence !== null && same(evidence.actual, finding.actual) && same(evidence.expected, finding.expected);
  return { finding, evidence, reproduced, true: labels.some((label) => isAbout(finding, label)) };
}

/** The same number: a mean that is summed in another order may differ in its last bit. */
const same = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(a), Math.abs(b));

function verdictOn(planted: Planted, all: readonly Checked[]): IncidentVerdict {
  const found = all.filter((c) => isAbout(c.finding, planted.label)).sort((a, b) => a.finding.detectedAtMs - b.finding.detectedAtMs)[0] ?? null;
  const labels = allLabels([planted]);
  return {
    planted,
    found,
    afterMs: found && found.finding.detectedAtMs - planted.label.fromMs,
    findings: all.filter((c) => labels.some((label) => isAbout(c.finding, label))).length,
  };
}

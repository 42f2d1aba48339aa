import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import { findingId, type Contributor, type Finding } from "../../findings/finding.ts";
import { readHealth, severityOf } from "../../findings/health.ts";
import { figure, findingTitle, ratio } from "../../findings/title.ts";
import { entityOf } from "../../findings/work.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { start } from "../../score/sequence-model.ts";
import { readHistory, readSequences, type StoredSequence } from "./read.ts";
import { BehaviourModel, describeTransition, findUnusual, groupAlike, ScoreTail, type SequenceThresholds, type Unusual } from "./score.ts";

export interface UnusualSequencesConfig extends SequenceThresholds {
  historyMs: number;
  latenessMs: number;
  modelCalls: number;
  calibrationSequences: number;
}

const stepMs = 300_000;
const version = "1";
/** Active tasks looked at in one window, and findings made of them: more is one event, not many. */
const mostSequences = 20_000;
const mostFindings = 20;

const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));

/** Tasks whose calls come in an order that tasks of their class don't have. */
export function unusualSequences(config: UnusualSequencesConfig): Job {
  return {
    name: "unusual-sequences",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window, logger } = context;
      const historyFromMs = window.fromMs - config.historyMs;
      const active = await readSequences(store, { historyFromMs, fromMs: window.fromMs, toMs: window.toMs, most: mostSequences });
      if (active.length === 0) return { findings: [] };
      // A sequence that began before the window is judged by the others.
      const judged = new Set(active.map((one) => one.unit));
      const history = await readHistory(store, historyFromMs, window.fromMs, config.modelCalls);
      const past = history.sequences.filter((one) => !judged.has(one.unit));
      if (past.length < config.minSequences) {
        logger.debug({ past: past.length }, "too few sequences to know what is usual");
        return { findings: [] };
      }
      const model = new BehaviourModel();
      for (const one of past) model.add(one);
      const calibration = past.slice(0, config.calibrationSequences);
      const tail = new ScoreTail(calibration.map((one) => model.scoreWithout(one).total));
      // What made it unusual must be in this window, or an earlier one has said so.
      const found = groupAlike(findUnusual(model, active, tail, config).filter((u) => u.score.worst >= u.sequence.before));
      if (found.length > mostFindings) logger.warn({ unusual: found.length, kept: mostFindings }, "many unusual sequences at once");
      const known = { past: calibration.length, active: active.length, high: tail.high, shareOf: history.shareOf };
      return { findings: await Promise.all(found.slice(0, mostFindings).map((u) => toFinding(context, config, model, u, known))) };
    },
  };
}

async function toFinding(
  context: JobContext,
  config: UnusualSequencesConfig,
  model: BehaviourModel,
  unusual: Unusual<StoredSequence> & { alike: number },
  known: { past: number; active: number; high: number; shareOf(className: string): number },
): Promise<Finding> {
  const { store, window, nowMs } = context;
  const { sequence, score } = unusual;
  const { worst } = score;
  const next = sequence.steps[worst]!.token;
  const previous = worst === 0 ? start : sequence.steps[worst - 1]!.token;
  const historyFromMs = window.fromMs - config.historyMs;
  const range = { history_from_ms: historyFromMs, window_start_ms: window.fromMs, window_end_ms: window.toMs };
  const transition = { ...range, class: sequence.className, previous, next, share: known.shareOf(sequence.className) };
  const params = { ...transition, unit: sequence.unit };
  const [evidence] = await store.query<{ actual: number; expected: number; tasks: number; tasks_with: number; expected_high: number }>(evidenceSql, params);
  const { actual = 0, expected = 0, tasks = 0, expected_high = 0 } = evidence ?? {};
  const health = await readHealth(context, { historyFromMs, windowStartMs: window.fromMs, windowEndMs: window.toMs }, known.past < config.warmSequences);
  const [entityKind, entity] = entityOf(sequence);
  const neverActed = score.taintBits > 0 && model.taint.timesSeen(sequence.className, next) === 0;
  // A tool's name may hold slashes; a server's and an effect don't.
  const server = next.slice(0, next.indexOf("/"));
  const tool = next.slice(server.length + 1, next.lastIndexOf("/"));
  return {
    findingId: findingId("unusual_sequence", entityKind, entity, window.fromMs, window.toMs),
    detector: "unusual_sequence",
    detectorVersion: version,
    detectedAtMs: nowMs,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    entityKind,
    entity,
    server,
    tool,
    agent: sequence.agent,
    taskClass: sequence.taskClass,
    severity: severityOf(neverActed ? "page" : "ticket", health),
    score: unusual.decades,
    unit: "transitions per task",
    actual,
    expected,
    expectedLow: 0,
    expectedHigh: expected_high,
    sampleSize: tasks,
    title: findingTitle({
      metric: `Transition to ${server}/${tool}`.slice(0, 48),
      entity: `${entityKind} ${entity}`,
      actual: figure(actual),
      expected: figure(expected),
      ratio: ratio(actual, expected),
      fromMs: window.fromMs,
      toMs: window.toMs,
    }),
    summary: summarise(model, unusual, neverActed, known, config),
    contributors: await readContributors(store, transition),
    callIds: [...new Set([sequence.callIds[0]!, sequence.callIds[worst]!, sequence.callIds.at(-1)!])],
    evidenceSql: evidenceSql.text,
    evidenceParams: params,
    dataHealth: health,
  };
}

async function readContributors(store: Store, params: Record<string, string | number>): Promise<Contributor[]> {
  const rows = await store.query<{ dimension: string; value: string; now: number; before: number }>(contributorsSql, params);
  const sum = (dimension: string, get: (row: (typeof rows)[number]) => number): number =>
    rows.filter((row) => row.dimension === dimension).reduce((total, row) => total + get(row), 0);
  return rows.map((row) => {
    const windowShare = row.now / Math.max(1, sum(row.dimension, (r) => r.now));
    const baselineShare = row.before / Math.max(1, sum(row.dimension, (r) => r.before));
    return { dimension: row.dimension, value: row.value, windowShare, baselineShare, excessShare: windowShare };
  });
}

function summarise(
  model: BehaviourModel,
  { sequence, score, p, q, alike }: Unusual<StoredSequence> & { alike: number },
  neverActed: boolean,
  known: { past: number; active: number; high: number },
  config: UnusualSequencesConfig,
): string {
  const bits = score.surprisals[score.worst]!;
  const taint =
    score.taintBits === 0
      ? ""
      : neverActed
        ? `It had read what a third party can write, and no task of this class has ever done that after such a read (${figure(score.taintBits)} bits). `
        : `It had read what a third party can write (${figure(score.taintBits)} bits). `;
  const text =
    `${describeTransition(model, sequence, score.worst)} ${taint}` +
    `That call: ${figure(bits)} bits of surprise; the task: ${figure(score.total)}, where 99% of ${known.past} past ones stay under ${figure(known.high)}; ` +
    `${figure(score.perCall)} bits a call over ${sequence.steps.length} calls. ` +
    `Chance ${p.toExponential(1)}, false discovery rate ${q.toExponential(1)} over ${known.active} active tasks.` +
    (alike > 0 ? ` ${alike} more of this class were led to the same call in this window.` : "") +
    (known.past < config.warmSequences ? " The history is short: cold start." : "");
  return text.slice(0, 2000);
}

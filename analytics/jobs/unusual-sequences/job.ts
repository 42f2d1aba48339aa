import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import { findingId, type Contributor, type Finding } from "../../findings/finding.ts";
import { readHealth, severityOf } from "../../findings/health.ts";
import { figure, findingTitle, ratio } from "../../findings/title.ts";
import { entityOf } from "../../findings/work.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import type { Argument } from "../../score/argument-model.ts";
import { start } from "../../score/sequence-model.ts";
import { poissonQuantile } from "../../score/stats.ts";
import { readInForce, readTransitions, versionName, type SequenceModelVersion } from "../../sequences/model.ts";
import { transitionWords } from "../../sequences/words.ts";
import { readArguments } from "./arguments.ts";
import { readSequences, type StoredSequence } from "./read.ts";
import { behaviourOf, findUnusual, groupAlike, ScoreTail, type BehaviourModel, type SequenceThresholds, type Unusual } from "./score.ts";
import { writeScores } from "./scores.ts";

export interface UnusualSequencesConfig extends SequenceThresholds {
  /** How far back the earlier calls of a task that is still going on are looked for. */
  lookBackMs: number;
  latenessMs: number;
  /** A model that learnt nothing for so long is none. */
  maxModelAgeMs: number;
}

const stepMs = 300_000;
const version = "4";
/** Active tasks looked at in one window, and findings made of them: more is one event, not many. */
const mostSequences = 20_000;
const mostFindings = 20;

const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));

/** What is known beside the model of what is usual. */
interface Known {
  model: SequenceModelVersion;
  active: number;
  high: number;
}

/** Tasks whose calls come in an order that tasks of their class don't have, and the score of every call. */
export function unusualSequences(config: UnusualSequencesConfig): Job {
  return {
    name: "unusual-sequences",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window, nowMs, logger } = context;
      const inForce = await readInForce(store, { atMs: window.fromMs, maxAgeMs: config.maxModelAgeMs });
      if (inForce === undefined || inForce.tasks < config.minSequences) {
        logger.debug({ tasks: inForce?.tasks ?? 0 }, "too few sequences to know what is usual");
        return { findings: [] };
      }
      const active = await readSequences(store, { lookBackFromMs: window.fromMs - config.lookBackMs, ...window, learntToMs: inForce.learntToMs, most: mostSequences });
      if (active.length === 0) return { findings: [] };
      if (active.length === mostSequences) logger.warn({ kept: mostSequences }, "more active tasks than are scored at once; the newest are");
      const model = behaviourOf(await readTransitions(store, inForce.version));
      // A sequence that began before the version has taught it its beginning; it is judged by the others.
      for (const { className, steps, learnt } of active) if (learnt > 0) model.add({ className, steps: steps.slice(0, learnt) }, -1);
      await readArguments(store, model, active, window.fromMs);
      await writeScores(store, model, active, { version: inForce.version, nowMs });
      const tail = new ScoreTail(inForce.calibration);
      // What made it unusual must be in this window, or an earlier one has said so.
      const found = groupAlike(findUnusual(model, active, tail, config).filter((u) => u.score.worst >= u.sequence.before));
      if (found.length > mostFindings) logger.warn({ unusual: found.length, kept: mostFindings }, "many unusual sequences at once");
      const known = { model: inForce, active: active.length, high: tail.high };
      return { findings: await Promise.all(found.slice(0, mostFindings).map((u) => toFinding(context, config, model, u, known))) };
    },
  };
}

async function toFinding(
  context: JobContext,
  config: UnusualSequencesConfig,
  model: BehaviourModel,
  unusual: Unusual<StoredSequence> & { alike: number },
  known: Known,
): Promise<Finding> {
  const { store, window, nowMs } = context;
  const { sequence, score } = unusual;
  const { worst } = score;
  const next = sequence.steps[worst]!.token;
  const previous = worst === 0 ? start : sequence.steps[worst - 1]!.token;
  const lookBackFromMs = window.fromMs - config.lookBackMs;
  const transition = { class: sequence.className, previous, next };
  const params = { look_back_from_ms: lookBackFromMs, window_end_ms: window.toMs, unit: sequence.unit, task_id: sequence.taskId, agent: sequence.agent, version: known.model.version, ...transition };
  const [evidence] = await store.query<{ actual: number; expected: number; tasks: number }>(evidenceSql, params);
  const { actual = 0, expected = 0, tasks = 0 } = evidence ?? {};
  const health = await readHealth(context, { historyFromMs: lookBackFromMs, windowStartMs: window.fromMs, windowEndMs: window.toMs }, known.model.tasks < config.warmSequences);
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
    expectedHigh: poissonQuantile(0.99, expected),
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
    contributors: await readContributors(store, { look_back_from_ms: lookBackFromMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, ...transition }),
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

/** Where the arguments are that came out of an instruction; else that they are values which are unusual there. */
function argumentWords(leaves: readonly Argument[]): string {
  const flowed = leaves.filter((leaf) => leaf.flowScore >= 0.05).toSorted((a, b) => b.flowScore - a.flowScore);
  if (flowed.length === 0) return "Its arguments have values that are new or rare there";
  return `It took ${flowed.slice(0, 3).map((leaf) => leaf.path).join(", ")} out of a result that reads like an instruction (score ${figure(flowed[0]!.flowScore)})`;
}

function summarise(
  model: BehaviourModel,
  { sequence, score, p, q, alike }: Unusual<StoredSequence> & { alike: number },
  neverActed: boolean,
  known: Known,
  config: UnusualSequencesConfig,
): string {
  const { model: inForce } = known;
  const inClass = model.sequence.timesSeen(sequence.className, sequence.steps[score.worst]!.token);
  const words = transitionWords(sequence.className, model.sequence.transitionAt(sequence.className, sequence.steps, score.worst), inClass);
  const bits = score.surprisals[score.worst]!;
  const taint =
    score.taintBits === 0
      ? ""
      : neverActed
        ? `It had read what a third party can write, and no task of this class has ever done that after such a read (${figure(score.taintBits)} bits). `
        : `It had read what a third party can write (${figure(score.taintBits)} bits). `;
  const fromArguments = score.fromArguments[score.worst]!;
  const named = fromArguments < 1 ? "" : `${argumentWords(sequence.steps[score.worst]!.arguments ?? [])} (${figure(fromArguments)} bits). `;
  const text =
    `${words} ${taint}${named}` +
    `That call: ${figure(bits)} bits of surprise; the task: ${figure(score.total)}, where 99% of ${inForce.calibration.length} past ones stay under ${figure(known.high)}; ` +
    `${figure(score.perCall)} bits a call over ${sequence.steps.length} calls. ` +
    `Chance ${p.toExponential(1)}, false discovery rate ${q.toExponential(1)} over ${known.active} active tasks.` +
    (alike > 0 ? ` ${alike} more of this class were led to the same call in this window.` : "") +
    ` Sequence model ${inForce.version}: ${inForce.tasks} tasks since ${versionName(inForce.learntFromMs)}.` +
    (inForce.tasks < config.warmSequences ? " The history is short: cold start." : "");
  return text.slice(0, 2000);
}

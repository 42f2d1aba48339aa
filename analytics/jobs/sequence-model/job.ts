import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Job, JobContext, Window } from "../../schedule/job.ts";
import { readInForce, sequenceMethod, versionName, type SequenceModelVersion, type TransitionRow } from "../../sequences/model.ts";
import { readArguments } from "../unusual-sequences/arguments.ts";
import { readSequences } from "../unusual-sequences/read.ts";
import { behaviourOf, type BehaviourModel } from "../unusual-sequences/score.ts";
import { blockMs, blocksToCount, countBlocks, readCounted } from "./blocks.ts";
import { isLeftOut, readLeftOut, type LeftOut } from "./left-out.ts";

export interface SequenceModelConfig {
  /** Calls of so long a time before its version make a model. */
  historyMs: number;
  /** How far back the earlier calls of a task that is still going on are looked for. */
  lookBackMs: number;
  latenessMs: number;
  /** So many of the newest sequences show how high an ordinary one scores. */
  calibrationSequences: number;
}

/** A model of more transitions than these keeps the most frequent. */
const mostTransitions = 500_000;
const rowsAnInsert = 20_000;

const sumsSql = loadSql(new URL("./sums.sql", import.meta.url));

/**
 * Learns what usually follows what. Every hour the calls of that hour are counted, and the sum of the counted hours of the
 * history is the next version of the model. Says nothing itself: `unusual-sequences` goes by the version in force.
 */
export function sequenceModel(config: SequenceModelConfig): Job {
  return {
    name: "sequence-model",
    cron: "3 * * * *",
    stepMs: blockMs,
    windowMs: blockMs,
    latenessMs: config.latenessMs,
    async run(context) {
      await buildVersion(context, config);
      return { findings: [] };
    },
  };
}

async function buildVersion(context: JobContext, config: SequenceModelConfig): Promise<void> {
  const { store, nowMs, logger } = context;
  const toMs = context.window.toMs;
  const version = versionName(toMs);
  const history = { fromMs: Math.floor((toMs - config.historyMs) / blockMs) * blockMs, toMs };
  const before = await readInForce(store, { atMs: toMs, maxAgeMs: config.historyMs });
  // A version never changes: what was scored by it must stay explicable.
  if (before?.version === version) return;
  const leftOut = await readLeftOut(store, { fromMs: history.fromMs - config.lookBackMs, toMs, asOfMs: nowMs });
  const again = await countMissing(store, history, leftOut, { lookBackMs: config.lookBackMs, nowMs });
  const transitions = await readSums(store, history);
  if (transitions.length === 0) return;
  if (transitions.length === mostTransitions) logger.warn({ version, kept: mostTransitions }, "more transitions than a sequence model holds; the rarest are left out");
  const model = behaviourOf(transitions);
  const calibration = await calibrate(context, config, { history, leftOut, model, before: again ? undefined : before });
  const learntTo = Math.floor(toMs / 1000);
  for (let i = 0; i < transitions.length; i += rowsAnInsert) {
    const rows = transitions.slice(i, i + rowsAnInsert);
    await store.insert("sequence_transitions", rows.map((t) => ({ version, learnt_to: learntTo, task_class: t.class, kind: t.kind, context: t.context, next: t.next, count: t.count })));
  }
  await store.insert("sequence_models", [
    {
      version,
      built_at: new Date(nowMs).toISOString(),
      learnt_from: new Date(history.fromMs).toISOString(),
      learnt_to: new Date(toMs).toISOString(),
      tasks: model.taint.sequences,
      task_classes: new Set(transitions.map((t) => t.class)).size,
      transitions: transitions.length,
      left_out: leftOut.incidents,
      calibration,
      method: sequenceMethod,
    },
  ]);
}

/** Returns whether blocks were counted again because of what became known of them. */
async function countMissing(store: Store, history: Window, leftOut: LeftOut, options: { lookBackMs: number; nowMs: number }): Promise<boolean> {
  // A task that an incident is about reaches beyond the calls that it names.
  const touched = leftOut.touched.map((t) => ({ ...t, fromMs: t.fromMs - options.lookBackMs, toMs: t.toMs + options.lookBackMs }));
  const { ranges, again } = blocksToCount(history, await readCounted(store, history), touched);
  for (const range of ranges) await countBlocks(store, range, { ...options, leftOut });
  return again;
}

async function readSums(store: Store, { fromMs, toMs }: Window): Promise<TransitionRow[]> {
  const out: TransitionRow[] = [];
  for await (const rows of store.stream<TransitionRow>(sumsSql, { from_ms: fromMs, to_ms: toMs, most: mostTransitions })) for (const row of rows) out.push(row);
  return out;
}

/**
 * What the newest sequences score, each under the model without it. Those of the version before were scored then; only
 * what was going on since is scored now, unless the counts have changed beneath.
 */
async function calibrate(
  { store }: JobContext,
  config: SequenceModelConfig,
  { history, leftOut, model, before }: { history: Window; leftOut: LeftOut; model: BehaviourModel; before: SequenceModelVersion | undefined },
): Promise<number[]> {
  const most = config.calibrationSequences;
  const fromMs = before?.learntToMs ?? history.fromMs;
  const active = await readSequences(store, { lookBackFromMs: fromMs - config.lookBackMs, fromMs, toMs: history.toMs, learntToMs: history.toMs, most });
  await readArguments(store, model, active, history.toMs);
  const scores = active.filter((sequence) => !isLeftOut(leftOut, sequence)).map((sequence) => model.scoreWithout(sequence).total);
  return [...scores, ...(before?.calibration ?? [])].slice(0, most);
}

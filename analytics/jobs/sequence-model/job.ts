import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Job, JobContext, Window } from "../../schedule/job.ts";
import { readInForce, readTransitions, sequenceMethod, versionName, type SequenceModelVersion } from "../../sequences/model.ts";
import { readArguments } from "../unusual-sequences/arguments.ts";
import { readSequences } from "../unusual-sequences/read.ts";
import { behaviourOf, type BehaviourModel } from "../unusual-sequences/score.ts";
import { blockMs, blocksToCount, countBlocks, newestOf, readBlockCalls, readCounted, type CountedBlock } from "./blocks.ts";
import { isLeftOut, readLeftOut, type LeftOut } from "./left-out.ts";
import { planVersion, type VersionPlan } from "./plan.ts";

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
const mostTransitions = 200_000;
/** So many calls are counted in a tick, and so many of the newest calibrate a model: what is older waits for the ticks after. */
const mostCalls = 60_000;
/** So many counts come to a version, and go, in a tick. */
const mostCounts = 1_000_000;

const versionSql = loadSql(new URL("./version.sql", import.meta.url));

/**
 * Learns what usually follows what. Every hour the calls of that hour are counted, and the counted hours of the history make the
 * next version of the model. Says nothing itself: `unusual-sequences` goes by the version in force.
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
  const calls = await readBlockCalls(store, history);
  const again = await countMissing(context, history, leftOut, { lookBackMs: config.lookBackMs, calls });
  const made = before?.blocks ?? new Map<number, number>();
  const plan = planVersion(made, await readCounted(store, { fromMs: Math.min(history.fromMs, ...made.keys()), toMs }), history.fromMs, mostCounts);
  await storeTransitions(store, { version, toMs, before: made.size === 0 ? "" : before!.version, plan });
  const transitions = await readTransitions(store, version);
  if (transitions.length === 0) return;
  if (transitions.length === mostTransitions) logger.warn({ version, kept: mostTransitions }, "more transitions than a sequence model holds; the rarest are left out");
  const model = behaviourOf(transitions);
  const calibration = await calibrate(context, config, { history, leftOut, model, calls, before: again ? undefined : before });
  await store.insert("sequence_models", [
    {
      version,
      built_at: new Date(nowMs).toISOString(),
      learnt_from: new Date(Math.min(...plan.blocks.keys())).toISOString(),
      learnt_to: new Date(toMs).toISOString(),
      tasks: model.taint.sequences,
      task_classes: new Set(transitions.map((t) => t.class)).size,
      transitions: transitions.length,
      left_out: leftOut.incidents,
      calibration,
      method: sequenceMethod,
      blocks: [...plan.blocks].map(([at, countedMs]) => ({ block: at / 1000, counted_at: new Date(countedMs).toISOString() })),
    },
  ]);
}

/** Returns whether blocks were counted again because of what became known of them. */
async function countMissing({ store, nowMs, logger }: JobContext, history: Window, leftOut: LeftOut, options: { lookBackMs: number; calls: ReadonlyMap<number, number> }): Promise<boolean> {
  const { lookBackMs, calls } = options;
  // A task that an incident is about reaches beyond the calls that it names.
  const touched = leftOut.touched.map((t) => ({ ...t, fromMs: t.fromMs - lookBackMs, toMs: t.toMs + lookBackMs }));
  const { ranges, again, left } = blocksToCount(history, newestOf(await readCounted(store, history)), touched, { calls, most: mostCalls });
  for (const range of ranges) await countBlocks(store, range, { ...options, leftOut, nowMs });
  if (left > 0) logger.debug({ left }, "hours of the history are left for the ticks after");
  return again;
}

async function storeTransitions(store: Store, { version, toMs, before, plan }: { version: string; toMs: number; before: string; plan: VersionPlan }): Promise<void> {
  const places = (blocks: readonly CountedBlock[]): { at: number[]; counted: number[] } => {
    const some = blocks.filter(({ counts }) => counts > 0);
    return { at: some.map((one) => one.blockMs / 1000), counted: some.map((one) => one.countedMs) };
  };
  const [added, dropped] = [places(plan.added), places(plan.dropped)];
  await store.command(versionSql.text, {
    version,
    learnt_to_ms: toMs,
    before,
    added: added.at,
    added_at_ms: added.counted,
    dropped: dropped.at,
    dropped_at_ms: dropped.counted,
    most: mostTransitions,
  });
}

/**
 * What the newest sequences score, each under the model without it. Those of the version before were scored then; only
 * what was going on since is scored now, unless the counts have changed beneath.
 */
async function calibrate(
  { store }: JobContext,
  config: SequenceModelConfig,
  known: { history: Window; leftOut: LeftOut; model: BehaviourModel; calls: ReadonlyMap<number, number>; before: SequenceModelVersion | undefined },
): Promise<number[]> {
  const { history, leftOut, model, before } = known;
  const most = config.calibrationSequences;
  const fromMs = Math.max(before?.learntToMs ?? history.fromMs, newestFrom(history, known.calls));
  const active = await readSequences(store, { lookBackFromMs: fromMs - config.lookBackMs, fromMs, toMs: history.toMs, learntToMs: history.toMs, most });
  await readArguments(store, model, active, history.toMs);
  const scores = active.filter((sequence) => !isLeftOut(leftOut, sequence)).map((sequence) => model.scoreWithout(sequence).total);
  return [...scores, ...(before?.calibration ?? [])].slice(0, most);
}

/** From where the newest blocks have no more than `mostCalls` calls; one block at least. */
function newestFrom({ fromMs, toMs }: Window, calls: ReadonlyMap<number, number>): number {
  let at = toMs - blockMs;
  for (let sum = calls.get(at) ?? 0; at > fromMs; at -= blockMs) {
    sum += calls.get(at - blockMs) ?? 0;
    if (sum > mostCalls) break;
  }
  return Math.max(at, fromMs);
}

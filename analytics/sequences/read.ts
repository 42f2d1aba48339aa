import { SignalboxError } from "../../collector/kernel/errors.ts";
import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";

const versionsSql = loadSql(new URL("./versions.sql", import.meta.url));
const classesSql = loadSql(new URL("./classes.sql", import.meta.url));
const followingSql = loadSql(new URL("./following.sql", import.meta.url));
const taskSql = loadSql(new URL("./task.sql", import.meta.url));

/** A stored version; times are ISO 8601. */
export interface ModelVersion {
  readonly version: string;
  readonly builtAt: string;
  readonly learntFrom: string;
  readonly learntTo: string;
  readonly tasks: number;
  readonly taskClasses: number;
  readonly transitions: number;
  /** Incidents whose tasks it did not learn from. */
  readonly leftOut: readonly string[];
  readonly method: string;
}

export interface ModelClass {
  readonly class: string;
  readonly tasks: number;
  readonly calls: number;
  readonly differentCalls: number;
  readonly contexts: number;
}

export interface Following {
  readonly context: string;
  readonly next: string;
  readonly seen: number;
  readonly of: number;
}

export interface ScoredCall {
  readonly callId: string;
  readonly at: string;
  readonly agent: string;
  readonly class: string;
  readonly position: number;
  readonly context: string;
  readonly next: string;
  readonly seen: number;
  readonly seenContext: number;
  readonly bits: number;
  readonly afterUntrustedBits: number;
  readonly argumentBits: number;
  readonly taskScore: number;
  readonly modelVersion: string;
}

export interface ModelAnswer {
  readonly versions: readonly ModelVersion[];
  readonly classes: readonly ModelClass[];
  /** Of the class that was asked about. */
  readonly taskClass: string;
  readonly frequent: readonly Following[];
  readonly rarest: readonly Following[];
}

/**
 * The versions, the newest first, and what the newest of them knows. With a version only that one. Throws E_SEQUENCES for a version
 * or a class that there isn't.
 */
export async function readModelAnswer(store: Store, ask: { version: string; taskClass: string; context: string; limit: number }): Promise<ModelAnswer> {
  const versions = await readVersions(store, ask.version, ask.limit);
  const newest = versions[0];
  if (newest === undefined && ask.version !== "") throw new SignalboxError("E_SEQUENCES", `there is no version "${ask.version}" of the sequence model`, { remedy: "signalbox sequences lists those that there are" });
  if (newest === undefined) return { versions, classes: [], taskClass: ask.taskClass, frequent: [], rarest: [] };
  const classes = await readClasses(store, newest.version);
  if (ask.taskClass === "") return { versions, classes, taskClass: "", frequent: [], rarest: [] };
  if (!classes.some((one) => one.class === ask.taskClass)) {
    throw new SignalboxError("E_SEQUENCES", `the model ${newest.version} knows no task class "${ask.taskClass}"`, { remedy: `it knows: ${classes.slice(0, 20).map((one) => one.class).join(", ") || "none"}` });
  }
  const following = (rarest: 0 | 1): Promise<Following[]> =>
    store.query<Following>(followingSql, { version: newest.version, class: ask.taskClass, context: ask.context, rarest, most: ask.limit });
  return { versions, classes, taskClass: ask.taskClass, frequent: await following(0), rarest: await following(1) };
}

async function readVersions(store: Store, version: string, most: number): Promise<ModelVersion[]> {
  const rows = await store.query<{ version: string; built_at: string; learnt_from: string; learnt_to: string; tasks: number; task_classes: number; transitions: number; left_out: string[]; method: string }>(versionsSql, { version, most });
  return rows.map((row) => ({
    version: row.version,
    builtAt: row.built_at,
    learntFrom: row.learnt_from,
    learntTo: row.learnt_to,
    tasks: row.tasks,
    taskClasses: row.task_classes,
    transitions: row.transitions,
    leftOut: row.left_out,
    method: row.method,
  }));
}

async function readClasses(store: Store, version: string): Promise<ModelClass[]> {
  const rows = await store.query<{ class: string; tasks: number; calls: number; different_calls: number; contexts: number }>(classesSql, { version });
  return rows.map((row) => ({ class: row.class, tasks: row.tasks, calls: row.calls, differentCalls: row.different_calls, contexts: row.contexts }));
}

/** A task's calls in order, each with its score. */
export async function readScoredTask(store: Store, ask: { taskId: string; version: string; limit: number }): Promise<ScoredCall[]> {
  const rows = await store.query<{
    call_id: string; ts: string; agent: string; class: string; position: number; context: string; next: string;
    seen: number; seen_context: number; bits: number; after_untrusted_bits: number; argument_bits: number; task_score: number; model_version: string;
  }>(taskSql, { task_id: ask.taskId, version: ask.version, most: ask.limit });
  return rows.map((row) => ({
    callId: row.call_id,
    at: row.ts,
    agent: row.agent,
    class: row.class,
    position: row.position,
    context: row.context,
    next: row.next,
    seen: row.seen,
    seenContext: row.seen_context,
    bits: row.bits,
    afterUntrustedBits: row.after_untrusted_bits,
    argumentBits: row.argument_bits,
    taskScore: row.task_score,
    modelVersion: row.model_version,
  }));
}

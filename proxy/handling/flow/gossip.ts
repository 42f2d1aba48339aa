import type { TaskMemory } from "./task-memory.ts";

/** The topic under which workers tell each other what tasks have done and read. */
export const FLOW_TOPIC = "flow";

/** What happened in a task since its worker last said so. Members that say nothing are left out, for messages are small. */
export interface TaskNews {
  readonly key: string;
  readonly atMs: number;
  readonly calls?: number;
  readonly writes?: number;
  /** 0 to 1; given where the task is tainted. */
  readonly taint?: number;
  readonly domains?: readonly string[];
  /** Values: words of four 32-bit numbers (flow-table.ts), base64. */
  readonly values?: string;
  /** The agent's own arguments, in the same form. */
  readonly own?: string;
  readonly phrases?: true;
  /** Values were let go: the worst among them. */
  readonly lost?: { readonly score: number; readonly untrusted: boolean };
}

export type FlowMessage =
  | { readonly kind: "news"; readonly news: TaskNews }
  /** A worker that starts asks what it missed. */
  | { readonly kind: "ask"; readonly from: string }
  /** Answers one that asked, with everything that the sender knows; `sinceMs`: its knowledge is whole from then on. */
  | { readonly kind: "whole"; readonly to: string; readonly sinceMs: number; readonly tasks: readonly TaskNews[]; readonly last: boolean };

/** Null for what is not such a message: another version's worker may speak during a roll-out. */
export function readMessage(message: unknown): FlowMessage | null {
  if (typeof message !== "object" || message === null || !("kind" in message)) return null;
  const { kind } = message;
  if (kind === "news") return "news" in message && isNews(message.news) ? (message as FlowMessage) : null;
  if (kind === "ask") return "from" in message && typeof message.from === "string" ? (message as FlowMessage) : null;
  if (kind !== "whole" || !("to" in message) || !("tasks" in message) || !("sinceMs" in message)) return null;
  const whole = typeof message.to === "string" && typeof message.sinceMs === "number" && Array.isArray(message.tasks);
  return whole && (message.tasks as unknown[]).every(isNews) ? (message as FlowMessage) : null;
}

const isNews = (news: unknown): news is TaskNews =>
  typeof news === "object" && news !== null && "key" in news && typeof news.key === "string" && "atMs" in news && typeof news.atMs === "number";

/** Everything about a task. */
export function allOf(key: string, task: TaskMemory): TaskNews {
  const { values } = task;
  return {
    key,
    atMs: task.lastUsedMs,
    calls: task.calls,
    writes: task.writes,
    ...(task.tainted ? { taint: task.taintScore } : {}),
    domains: task.domains,
    values: packValues(values.entries()),
    own: packValues(task.own.entries()),
    ...(task.hasPhrases ? { phrases: true } : {}),
    ...(values.lost === null ? {} : { lost: values.lost }),
  };
}

/** Takes up what another worker said; counts are what came on top, or in a whole account of the task all there were. */
export function learn(task: TaskMemory, news: TaskNews, whole: boolean): void {
  const calls = news.calls ?? 0;
  const writes = news.writes ?? 0;
  if (whole) task.addCounts(Math.max(0, calls - task.calls), Math.max(0, writes - task.writes));
  else if (calls > 0) task.addCounts(calls, writes);
  if (news.taint !== undefined) task.taint(news.taint);
  if (news.domains !== undefined) task.read(news.domains);
  if (news.own !== undefined) task.own.merge(unpackValues(news.own));
  if (news.phrases) task.hasPhrases = true;
  if (news.values !== undefined) task.values.merge(unpackValues(news.values));
  if (news.lost !== undefined) task.values.lose(news.lost);
}

export const packValues = (entries: Uint32Array): string => Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength).toString("base64");

export function unpackValues(text: string): Uint32Array {
  const bytes = Buffer.from(text, "base64");
  const out = new Uint32Array(bytes.length >> 2);
  for (let i = 0; i < out.length; i++) out[i] = bytes.readUInt32LE(i * 4);
  return out;
}

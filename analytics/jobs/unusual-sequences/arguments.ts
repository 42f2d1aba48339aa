import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import { actsAfterUntrusted } from "../../score/taint.ts";
import type { BehaviourModel, Sequence } from "./score.ts";

const valuesSql = loadSql(new URL("./argument-values.sql", import.meta.url));
const flowsSql = loadSql(new URL("./argument-flows.sql", import.meta.url));

/** A place with more values than these brings a new one with every call. */
const mostValues = 5_000;
/** Values that are held at once. */
const mostInAll = 300_000;

/**
 * Teaches the model what the acts of these sequences are usually made with, as it was before `beforeMs` and without the
 * sequences themselves. From then on the model learns no arguments: what it has is what is stored.
 */
export async function readArguments(store: Store, model: BehaviourModel, sequences: readonly Sequence[], beforeMs: number): Promise<void> {
  const tools = toolsOf(sequences);
  const params = { servers: tools.map(([server]) => server), tools: tools.map(([, tool]) => tool) };
  if (tools.length > 0) {
    const values = { ...params, before_ms: beforeMs, most: mostValues, most_in_all: mostInAll };
    for await (const rows of store.stream<{ place: string; class: string; digest: string; tasks: number }>(valuesSql, values)) {
      for (const row of rows) model.arguments.addValue(row.class, row.place, row.digest, row.tasks);
    }
    for await (const rows of store.stream<{ place: string; class: string; level: number; tasks: number }>(flowsSql, params)) {
      for (const row of rows) model.arguments.addLevel(row.class, row.place, row.level, row.tasks);
    }
    for (const { className, steps } of sequences) model.arguments.add(className, steps, -1);
  }
  model.arguments.settle();
}

/** The tools whose arguments count: of acts after an untrusted read, and of calls with an argument out of an instruction. */
function toolsOf(sequences: readonly Sequence[]): [server: string, tool: string][] {
  const tokens = new Set<string>();
  for (const { steps } of sequences) {
    for (const at of actsAfterUntrusted(steps)) tokens.add(steps[at]!.token);
    for (const { token, arguments: leaves = [] } of steps) if (leaves.some((leaf) => leaf.flowScore > 0)) tokens.add(token);
  }
  return [...tokens].map((token) => {
    // A tool's name may hold slashes; a server's and an effect don't.
    const server = token.slice(0, token.indexOf("/"));
    return [server, token.slice(server.length + 1, token.lastIndexOf("/"))];
  });
}

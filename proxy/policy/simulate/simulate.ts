import type { Store } from "../../../collector/store/client.ts";
import { loadSql } from "../../../collector/store/sql-file.ts";
import type { RecordedCall } from "./recorded-call.ts";
import type { Replay } from "./replay.ts";

const callsSql = loadSql(new URL("./recorded-calls.sql", import.meta.url));
const leftOutSql = loadSql(new URL("./left-out.sql", import.meta.url));

/** Combinations of calls that are read at most; what is beyond is said to be missing. */
export const MAX_ROWS = 1_000_000;
/** Groups of changes that are told apart. */
const MAX_CHANGES = 10_000;

export interface Change {
  readonly agent: string;
  readonly server: string;
  /** The tool, or the method of what is no tool call. */
  readonly tool: string;
  readonly taskClass: string;
  readonly was: string;
  readonly wouldBe: string;
  /** The rules that would determine it; none where that is the default. */
  readonly rules: readonly string[];
  calls: number;
  /** The id of one such call, of the largest group of them. */
  readonly example: string;
}

export interface Simulation {
  readonly from: string;
  readonly to: string;
  readonly proposedVersion: string;
  readonly calls: number;
  readonly unchanged: number;
  readonly changed: number;
  /** Calls whose answer depends on what no record holds, such as the values of arguments. */
  readonly unknown: number;
  /** The same by each rule that it depends on. A call counts for each of its rules. */
  readonly unknownByRule: readonly { readonly rule: string; readonly calls: number }[];
  /** By agent, tool and task class, those of most calls first. */
  readonly changes: readonly Change[];
  /** Calls that no rule would change: refused before rules were asked, or let through by an exception. */
  readonly leftOut: readonly { readonly why: string; readonly calls: number }[];
  /** There was more than was read or told apart. */
  readonly incomplete: boolean;
}

export interface SimulateOptions {
  readonly replay: Replay;
  readonly proposedVersion: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly maxRows?: number;
}

/** Replays what was recorded from `fromMs` until `toMs`, both Unix milliseconds. Rejects with the store's errors. */
export async function simulate(store: Store, { replay, proposedVersion, fromMs, toMs, maxRows = MAX_ROWS }: SimulateOptions): Promise<Simulation> {
  const window = { from: new Date(fromMs), to: new Date(toMs) };
  const { reads } = replay;
  const params = {
    ...window,
    by_time: reads.has("now"),
    by_task: reads.has("task.id"),
    by_flow: reads.has("flow.score") || reads.has("flow.untrusted"),
    max_rows: maxRows + 1,
  };
  const tally = createTally(replay);
  let rows = 0;
  for await (const batch of store.stream<RecordedCall>(callsSql, params)) {
    for (const call of batch) if (++rows <= maxRows) tally.add(call);
  }
  const leftOut = await store.query<{ why: string; calls: string }>(leftOutSql, window);
  return {
    from: window.from.toISOString(),
    to: window.to.toISOString(),
    proposedVersion,
    ...tally.result(),
    leftOut: leftOut.map(({ why, calls }) => ({ why, calls: Number(calls) })),
    incomplete: rows > maxRows || tally.overflowed(),
  };
}

/** Pure: counts what the replay says of each call. */
export function createTally(replay: Replay) {
  const changes = new Map<string, Change>();
  const unknownByRule = new Map<string, number>();
  let calls = 0;
  let unchanged = 0;
  let unknown = 0;
  let overflowed = false;

  function change(call: RecordedCall, wouldBe: string, rules: readonly string[], count: number): void {
    const { agent, server, task_class: taskClass, answer: was, example } = call;
    const tool = call.tool === "" ? call.method : call.tool;
    const key = JSON.stringify([agent, server, tool, taskClass, was, wouldBe, rules]);
    const known = changes.get(key);
    if (known) known.calls += count;
    else if (changes.size >= MAX_CHANGES) overflowed = true;
    else changes.set(key, { agent, server, tool, taskClass, was, wouldBe, rules, calls: count, example });
  }

  return {
    add(call: RecordedCall): void {
      const count = Number(call.calls);
      calls += count;
      const { wouldBe, rules } = replay.decide(call);
      if (wouldBe === "unknown") {
        unknown += count;
        for (const rule of rules) unknownByRule.set(rule, (unknownByRule.get(rule) ?? 0) + count);
      } else if (wouldBe === call.answer) unchanged += count;
      else change(call, wouldBe, rules, count);
    },
    overflowed: () => overflowed,
    result: () => ({
      calls,
      unchanged,
      changed: calls - unchanged - unknown,
      unknown,
      unknownByRule: [...unknownByRule].map(([rule, n]) => ({ rule, calls: n })).sort((a, b) => b.calls - a.calls),
      changes: [...changes.values()].sort((a, b) => b.calls - a.calls),
    }),
  };
}

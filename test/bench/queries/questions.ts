import { loadSql } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import { stepSeconds, type Range } from "../../../dashboards/range.ts";
import { newestCalls } from "../../../dashboards/routes/calls.ts";
import { select } from "../../../dashboards/rows.ts";
import { naiveTable } from "./naive.ts";
import type { Register } from "./register.ts";

/** What is asked in one run of a question. */
export interface Asked {
  readonly range: Range;
  readonly trace: string;
  readonly task: string;
  readonly agent: string;
}

export interface Question {
  readonly name: string;
  tuned(store: Store, asked: Asked): Promise<unknown>;
  naive(store: Store, asked: Asked): Promise<unknown>;
}

const raw = (name: string) => loadSql(new URL(`../../support/raw-queries/${name}.sql`, import.meta.url));
const own = (name: string) => loadSql(new URL(`./${name}.sql`, import.meta.url));
const params = ({ range }: Asked) => ({ from_ms: range.fromMs, to_ms: range.toMs });
const noFilters = { agent: "", principal: "", server: "", tool: "", method: "", decision: "", basis: "", outcome: "", rule: "", task: "", task_class: "", tier: "", cursor_us: 0, cursor_id: "" };
const page = 101;

/** The overview's four queries and the filters of the list of calls: what the console asks on every page load. */
const console: readonly Question[] = ["series", "totals", "top-denied", "latency", "facets"].map((name) => {
  const more = (asked: Asked) => (name === "series" ? { ...params(asked), step_s: stepSeconds(asked.range) } : params(asked));
  return {
    name: `console: ${name}`,
    tuned: (store, asked) => select(store, name, more(asked)),
    naive: (store, asked) => store.query(raw(name), { ...more(asked), table: naiveTable }),
  };
});

export const questions: readonly Question[] = [
  ...console,
  ...(["trace", "task"] as const).map((name) => ({
    name: `${name} by id`,
    tuned: (store: Store, asked: Asked) => store.query(own(name), { table: "calls", id: asked[name] }),
    naive: (store: Store, asked: Asked) => store.query(own(name), { table: naiveTable, id: asked[name] }),
  })),
  {
    name: "newest calls of an agent",
    tuned: (store, asked) => newestCalls(store, asked.range, { ...noFilters, agent: asked.agent }, page),
    naive: (store, asked) => store.query(raw("calls-of-agent"), { ...params(asked), agent: asked.agent, table: naiveTable, limit: page }),
  },
];

const hour = 3600_000;
const lengths = [6 * hour, 24 * hour, 3 * 24 * hour, 7 * 24 * hour, 30 * 24 * hour];

/** Ranges of several lengths that end anywhere, as far as the register goes. */
export function rangeOf(register: Register, i: number): Range {
  const length = Math.min(lengths[i % lengths.length]!, register.toMs - register.fromMs);
  const room = register.toMs - register.fromMs - length;
  const fromMs = Math.floor(register.fromMs + room * ((i * 0.618034) % 1)) + 12_345;
  return { fromMs, toMs: Math.min(fromMs + length, register.toMs) };
}

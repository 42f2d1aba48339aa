import type { DecisionInput } from "../../../proxy/policy/decision.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { call } from "./rules.ts";

export type AnyRule = { readonly id: string; readonly effect: string; readonly match: object; readonly when?: string };

const agents = ["build", "release", "b-1"];
const servers = ["files", "mail"];
const tools = ["read_file", "send", "drop"];
const classes = ["research", "release", ""];
const effects = ["read", "write", "destructive"] as const;

/** True, false, or impossible to evaluate, by agent, task, arguments, time and what was read. */
const conditions = [
  "",
  "",
  'agent == "build"',
  'task.class == "research" || args.limit > 3',
  'has(args.path) && args.path.startsWith("/data")',
  'args.path == "x"',
  "args.missing > 1",
  "args.limit < 5 ? task.tainted : flow.untrusted",
  '!(args.limit > 2) && tool.effect != "read"',
  "flow.untrusted && flow.score >= 0.5",
  "task.calls > 2",
  "now.getHours() >= 12",
  '"files" in task.readDomains || server.riskTier == "high"',
  'args.paths.all(p, p != "x")',
  "true",
  "!tool.trusted",
];

const some = <T>(r: Random, values: readonly T[]): T[] => values.filter(() => r.next() < 0.35);

export function anyRule(r: Random, id: string, effect?: string): AnyRule {
  const when = r.pick(conditions);
  return {
    id,
    effect: effect ?? r.pick(["allow", "allow", "hold", "deny"]),
    match: {
      agents: some(r, [...agents, "b*"]),
      servers: some(r, [...servers, "*"]),
      tools: some(r, [...tools, "*d*"]),
      taskClasses: r.next() < 0.7 ? [] : some(r, classes.filter(Boolean)),
      effects: r.next() < 0.7 ? [] : some(r, effects),
    },
    ...(when === "" ? {} : { when }),
  };
}

export function anyRules(r: Random, most = 8): AnyRule[] {
  return Array.from({ length: 1 + r.int(0, most) }, (_, i) => anyRule(r, `r${i}`));
}

export function anyCall(r: Random): DecisionInput {
  const args: Record<string, unknown> = {};
  if (r.next() < 0.6) args.path = r.pick(["x", "/data/x", 7]);
  if (r.next() < 0.6) args.limit = r.pick([1, 3, 9, "9"]);
  if (r.next() < 0.3) args.paths = r.pick([["x"], ["y", "z"], []]);
  return call({
    agent: r.pick(agents),
    server: r.pick(servers),
    tool: r.pick(tools),
    taskClass: r.pick(classes),
    effect: r.pick(effects),
    riskTier: r.pick(["low", "high"] as const),
    toolTrusted: r.next() < 0.5,
    tainted: r.next() < 0.5,
    flowUntrusted: r.next() < 0.5,
    flowScore: r.pick([0, 0.4, 0.5, 0.9]),
    callsInTask: r.int(0, 5),
    readDomains: some(r, ["files", "personal"]),
    nowMs: Date.UTC(2026, 0, 5, r.int(0, 24)),
    args,
  });
}

export function shuffled<T>(r: Random, values: readonly T[]): T[] {
  const out = [...values];
  for (let i = out.length - 1; i > 0; i--) {
    const j = r.int(0, i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Runs a property for each of many seeds, and says which one broke it. */
export function forSeeds(count: number, property: (r: Random, seed: number) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      property(seededRandom(seed), seed);
    } catch (error) {
      throw new Error(`with seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

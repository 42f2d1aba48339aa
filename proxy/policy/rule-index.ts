import type { CompiledRule } from "./compile.ts";
import type { DecisionInput } from "./decision.ts";
import { fits, type Patterns } from "./pattern.ts";
import { dimensions, type Dimension } from "./rule.ts";

/** A rule that may fit, and what of its match remains to be asked. */
export interface Candidate {
  readonly rule: CompiledRule;
  readonly remaining: readonly (readonly [Dimension, Patterns])[];
}

/** The candidates in file order, by effect. */
export interface Candidates {
  readonly deny: readonly Candidate[];
  readonly hold: readonly Candidate[];
  readonly allow: readonly Candidate[];
}

export interface RuleIndex {
  find(input: DecisionInput): Candidates;
}

const indexed = ["servers", "tools", "agents", "methods"] as const satisfies readonly Dimension[];
type Indexed = (typeof indexed)[number];

/** Beyond this the index starts afresh: a thousand rules have many combinations. */
const maxEntries = 20_000;

/** Stands for every name that no rule spells out. A NUL keeps it apart from any real name. */
const other = "\0other";

/**
 * Rules by the names they are about. The list for one combination of server, agent, tool and method is made when it is
 * first asked for. Servers and agents are few, since the proxy knows them all before it asks. Tools and methods are
 * whatever a caller sends: those that no rule spells out share one list, where the globs stay to be asked, so that the
 * index cannot be grown by inventing names.
 */
export function createRuleIndex(rules: readonly CompiledRule[]): RuleIndex {
  const tools = spelledOut(rules, "tools");
  const methods = spelledOut(rules, "methods");
  let lists = new Map<string, Map<string, Map<string, Map<string, Candidates>>>>();
  let entries = 0;

  return {
    find(input) {
      const { server, agent } = input;
      const tool = tools.has(input.tool) ? input.tool : other;
      const method = methods.has(input.method) ? input.method : other;
      const found = lists.get(server)?.get(agent)?.get(tool)?.get(method);
      if (found) return found;

      if (++entries > maxEntries) {
        lists = new Map();
        entries = 1;
      }
      const made = candidatesFor(rules, { servers: server, tools: tool, agents: agent, methods: method });
      child(child(child(lists, server), agent), tool).set(method, made);
      return made;
    },
  };
}

function child<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let inner = map.get(key);
  if (!inner) map.set(key, (inner = new Map()));
  return inner;
}

function spelledOut(rules: readonly CompiledRule[], dimension: Indexed): ReadonlySet<string> {
  return new Set(rules.flatMap((rule) => [...(rule.matcher[dimension]?.exact ?? [])]));
}

function candidatesFor(rules: readonly CompiledRule[], names: Record<Indexed, string>): Candidates {
  const found = { deny: [] as Candidate[], hold: [] as Candidate[], allow: [] as Candidate[] };
  for (const rule of rules) {
    const candidate = candidateFor(rule, names);
    if (candidate) found[rule.rule.effect].push(candidate);
  }
  return found;
}

function candidateFor(rule: CompiledRule, names: Record<Indexed, string>): Candidate | undefined {
  const remaining: (readonly [Dimension, Patterns])[] = [];
  for (const dimension of dimensions) {
    const patterns = rule.matcher[dimension];
    if (!patterns) continue;
    const name = isIndexed(dimension) ? names[dimension] : undefined;
    if (name === undefined) remaining.push([dimension, patterns]);
    else if (name !== other) {
      if (!fits(patterns, name)) return undefined;
    } else if (patterns.globs.length > 0) remaining.push([dimension, patterns]);
    else return undefined;
  }
  return { rule, remaining };
}

function isIndexed(dimension: Dimension): dimension is Indexed {
  return (indexed as readonly Dimension[]).includes(dimension);
}

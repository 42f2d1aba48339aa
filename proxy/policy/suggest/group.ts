import { showable } from "../../../collector/sql/terminal.ts";
import { toolFacts } from "../../registry/callable.ts";
import type { RegistrySnapshot, ServerEntry } from "../../registry/server-entry.ts";
import type { UncoveredCalls } from "./uncovered.ts";

/** Calls that one rule could cover: agents that do the same on one server, with one kind of effect. */
export interface Suggestion {
  readonly server: string;
  readonly agents: readonly string[];
  readonly taskClasses: readonly string[];
  readonly methods: readonly string[];
  readonly effect: string;
  readonly tools: readonly string[];
  readonly prompts: readonly string[];
  readonly resources: readonly string[];
  readonly calls: number;
  readonly first: string;
  readonly last: string;
  /** True where the server is only observed, so that the calls went through. */
  readonly observed: boolean;
}

/** Why no rule is drafted for some calls. */
export interface LeftOut {
  readonly why: string;
  readonly calls: number;
}

export interface Suggestions {
  readonly rules: readonly Suggestion[];
  readonly leftOut: readonly LeftOut[];
}

/** Resources beyond these are written as what they begin with. */
const MAX_RESOURCES = 10;

/**
 * Pure. The narrowest rules that are still few: what one agent did on one server with one effect in the same task classes
 * is one rule, and agents that did exactly the same share it. A tool that the registry does not list is left out: an agent
 * can ask for any name, and a name must not come into the rules by being asked for.
 */
export function groupUncovered(rows: readonly UncoveredCalls[], registry: RegistrySnapshot): Suggestions {
  const leftOut = new Map<string, number>();
  const byAgent = new Map<string, Draft>();
  for (const row of rows) {
    if (row.kind !== "uncovered") continue;
    const why = notDraftable(row, registry.servers.get(row.server));
    if (why) {
      leftOut.set(why, (leftOut.get(why) ?? 0) + Number(row.calls));
      continue;
    }
    const effect = row.method === "tools/call" ? toolFacts(registry.servers.get(row.server)!, row.tool).effect : "";
    const key = JSON.stringify([row.agent, row.server, row.method, effect, row.mode]);
    let draft = byAgent.get(key);
    if (!draft) byAgent.set(key, (draft = new Draft(row, effect)));
    draft.add(row);
  }
  return {
    rules: mergeAgents([...byAgent.values()].map((draft) => draft.done())),
    leftOut: [...leftOut].map(([why, calls]) => ({ why, calls })).sort((a, b) => b.calls - a.calls),
  };
}

function notDraftable(row: UncoveredCalls, entry: ServerEntry | undefined): string | undefined {
  if (!entry) return "the registry no longer has the server";
  if (row.method === "tools/call" && !Object.hasOwn(entry.tools, row.tool)) return "the registry does not list the tool";
  const names = [row.agent, row.task_class, row.method, row.prompt, row.resource_uri];
  // A star in a rule stands for anything, and cannot be written otherwise.
  if (names.some((name) => name.includes("*"))) return "a name holds a star";
  if (names.some((name) => showable(name) !== name)) return "a name holds characters that cannot be shown";
  return undefined;
}

class Draft {
  readonly #first: UncoveredCalls;
  readonly #effect: string;
  readonly #taskClasses = new Set<string>();
  readonly #tools = new Set<string>();
  readonly #prompts = new Set<string>();
  readonly #resources = new Set<string>();
  #calls = 0;
  #from: string;
  #to: string;

  constructor(row: UncoveredCalls, effect: string) {
    this.#first = row;
    this.#effect = effect;
    this.#from = row.first;
    this.#to = row.last;
  }

  add(row: UncoveredCalls): void {
    this.#calls += Number(row.calls);
    if (row.first < this.#from) this.#from = row.first;
    if (row.last > this.#to) this.#to = row.last;
    this.#taskClasses.add(row.task_class);
    for (const [set, name] of [[this.#tools, row.tool], [this.#prompts, row.prompt], [this.#resources, row.resource_uri]] as const) {
      if (name !== "") set.add(name);
    }
  }

  done(): Suggestion {
    const { server, agent, method, mode } = this.#first;
    return {
      server,
      agents: [agent],
      // A task without a class cannot be named in a rule; so the classes are named only where all have one.
      taskClasses: this.#taskClasses.has("") ? [] : [...this.#taskClasses].sort(),
      methods: [method],
      effect: this.#effect,
      tools: [...this.#tools].sort(),
      prompts: [...this.#prompts].sort(),
      resources: fewer([...this.#resources].sort()),
      calls: this.#calls,
      first: this.#from,
      last: this.#to,
      observed: mode === "observe",
    };
  }
}

/** Many resources become the folder that all of them are in, and where they have none in common, stay as they are. */
function fewer(resources: string[]): string[] {
  const [first, last] = [resources[0], resources.at(-1)];
  if (first === undefined || last === undefined || resources.length <= MAX_RESOURCES) return resources;
  let same = 0;
  while (same < first.length && first[same] === last[same]) same++;
  const folder = first.slice(0, first.lastIndexOf("/", same - 1) + 1);
  // Less than a scheme and a host is no folder.
  return /^[a-z][a-z0-9+.-]*:\/\/[^/]*\/./i.test(folder) || /^[a-z][a-z0-9+.-]*:\/\/[^/]+\/$/i.test(folder) ? [`${folder}*`] : resources;
}

function mergeAgents(suggestions: readonly Suggestion[]): Suggestion[] {
  const merged = new Map<string, Suggestion>();
  for (const one of suggestions) {
    const { server, taskClasses, methods, effect, tools, prompts, resources, observed } = one;
    const key = JSON.stringify([server, taskClasses, methods, effect, tools, prompts, resources, observed]);
    const other = merged.get(key);
    if (!other) merged.set(key, one);
    else {
      merged.set(key, {
        ...other,
        agents: [...other.agents, ...one.agents].sort(),
        calls: other.calls + one.calls,
        first: one.first < other.first ? one.first : other.first,
        last: one.last > other.last ? one.last : other.last,
      });
    }
  }
  return [...merged.values()].sort((a, b) => b.calls - a.calls || (a.server < b.server ? -1 : 1));
}

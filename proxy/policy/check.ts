import type { FileProblem } from "../../collector/kernel/errors.ts";
import type { RegistrySnapshot, ServerEntry } from "../registry/server-entry.ts";
import { byPlace } from "../registry/yaml-file.ts";
import { createArgumentCheck, type Definitions } from "./check-arguments.ts";
import { constantValue } from "./condition-lint.ts";
import { contradictions } from "./contradiction.ts";
import { findShadows } from "./coverage.ts";
import type { LoadedPolicies, LoadedRule } from "./load-policies.ts";
import { compilePatterns, fits, type Patterns } from "./pattern.ts";
import type { Dimension } from "./rule.ts";

export interface CheckOptions {
  /** The agents that have keys; without them the names of agents are not checked. */
  readonly agents?: ReadonlySet<string> | undefined;
  /** What is known of the tools; without it the arguments in conditions are not checked. */
  readonly definitions?: Definitions;
}

/**
 * Rules that load and yet cannot do what they seem to: each is a place where the files say one thing and the proxy does
 * another. Sorted by place.
 */
export function checkPolicies(policies: LoadedPolicies, registry: RegistrySnapshot, options: CheckOptions = {}): FileProblem[] {
  const checkArguments = options.definitions && createArgumentCheck(options.definitions);
  const findings = policies.rules.flatMap((rule) => [
    ...unknownNames(rule, registry, options),
    ...impossible(rule, registry),
    ...impossibleCondition(rule),
    ...(checkArguments?.(rule, serversOf(rule, registry).filter((server) => serverFits(rule, server))) ?? []),
  ]);
  for (const { rule, by, how } of findShadows(policies.rules)) {
    const id = by.compiled.rule.id;
    findings.push(
      how === "duplicate"
        ? rule.at(["id"], `says the same as rule ${id}`, "remove one of the two")
        : rule.at(["id"], `never decides: whatever it matches is ${how} by rule ${id}`, "narrow that rule, or remove this one"),
    );
  }
  return findings.sort(byPlace);
}

function unknownNames(rule: LoadedRule, registry: RegistrySnapshot, { agents }: CheckOptions): FileProblem[] {
  const { match } = rule.compiled.rule;
  const findings: FileProblem[] = [];
  const name = (dimension: Dimension, values: readonly string[], known: Iterable<string>, what: string, remedy: string) => {
    const names = [...known];
    for (const [i, value] of values.entries()) {
      const pattern = compilePatterns([value]);
      if (pattern && !names.some((n) => fits(pattern, n))) {
        findings.push(rule.at(["match", dimension, i], `no ${what} "${value}"`, remedy));
      }
    }
  };
  name("servers", match.servers, registry.servers.keys(), "server is named", "check the spelling, or add it to the registry");
  if (agents) name("agents", match.agents, agents, "agent with a key is named", "check the spelling, or create a key");
  const servers = serversOf(rule, registry);
  if (servers.length > 0) {
    const listed = servers.flatMap((server) => Object.keys(server.tools));
    const where = servers.length === 1 ? `the server ${servers[0]!.name}` : "the servers of this rule";
    name("tools", match.tools, listed, "tool is named", `${where} must list it under tools`);
  }
  return findings;
}

/** Dimensions that are each possible, and not together. */
function impossible(rule: LoadedRule, registry: RegistrySnapshot): FileProblem[] {
  const { match } = rule.compiled.rule;
  const { matcher } = rule.compiled;
  const findings: FileProblem[] = [];
  const never = (dimension: Dimension, why: string, remedy: string) => {
    findings.push(rule.at(["match", dimension], `can never match: ${why}`, remedy));
  };
  for (const [dimension, methods] of Object.entries(methodsOf) as [keyof typeof methodsOf, string[]][]) {
    if (match[dimension].length > 0 && matcher.methods && !methods.some((m) => fits(matcher.methods!, m))) {
      never(dimension, `${dimension} belong to ${methods.join(", ")}, which methods leave out`, `add ${methods[0]} to methods`);
    }
  }
  const servers = serversOf(rule, registry);
  if (servers.length === 0) return findings;

  const fitting = servers.filter((server) => serverFits(rule, server));
  if (fitting.length === 0) {
    const narrowing = (["riskTiers", "dataDomains", "environments"] as const).find((d) => match[d].length > 0)!;
    never(narrowing, "no server of this rule has this combination of risk tier, data domain and environment", "compare with the registry");
    return findings;
  }
  const callable = fitting.filter((server) => server.lifecycle === "approved" || server.lifecycle === "deprecated");
  if (callable.length === 0) {
    const states = [...new Set(fitting.map((server) => server.lifecycle))].join(" or ");
    never("servers", `its servers are ${states}, and the registry refuses their calls before any rule`, "approve a server, or remove the rule");
    return findings;
  }
  if (matcher.taskClasses && callable.every((s) => s.taskClasses.length > 0 && !someFits(matcher.taskClasses, s.taskClasses))) {
    never("taskClasses", "the registry approves none of its servers for these kinds of task", "compare with taskClasses in the registry");
  }
  if (matcher.effects && !callable.some((server) => hasToolWithEffect(rule, server))) {
    never("effects", "no tool of its servers and tools has this effect", "compare with the effects in the registry");
  }
  return findings;
}

/** What only some methods carry. */
const methodsOf = {
  tools: ["tools/call"],
  effects: ["tools/call"],
  prompts: ["prompts/get"],
  resources: ["resources/read", "resources/subscribe", "resources/unsubscribe"],
} satisfies Partial<Record<Dimension, string[]>>;

function serversOf(rule: LoadedRule, registry: RegistrySnapshot): ServerEntry[] {
  const { servers } = rule.compiled.matcher;
  return [...registry.servers.values()].filter((server) => !servers || fits(servers, server.name));
}

function serverFits({ compiled: { matcher } }: LoadedRule, server: ServerEntry): boolean {
  return (
    (!matcher.riskTiers || (server.riskTier !== undefined && fits(matcher.riskTiers, server.riskTier))) &&
    someFits(matcher.dataDomains, server.dataDomains) &&
    someFits(matcher.environments, server.environments)
  );
}

function someFits(patterns: Patterns | null, values: readonly string[]): boolean {
  return !patterns || values.some((value) => fits(patterns, value));
}

/** A tool that the registry does not list counts as destructive, so that effect is possible wherever no tool is spelled out. */
function hasToolWithEffect({ compiled: { matcher } }: LoadedRule, server: ServerEntry): boolean {
  const { effects, tools } = matcher;
  if (!effects || (!tools && fits(effects, "destructive"))) return true;
  return Object.entries(server.tools).some(([tool, { effect }]) => (!tools || fits(tools, tool)) && fits(effects, effect));
}

function impossibleCondition(rule: LoadedRule): FileProblem[] {
  const { condition, matcher } = rule.compiled;
  if (!condition) return [];
  const value = constantValue(condition.ast, () => condition.evaluate(nothing));
  if (value === undefined) return contradictions(condition.ast, matcher).map(({ offset, message, remedy }) => rule.inCondition(offset, message, remedy));
  const remedy = value ? "remove the condition" : "remove the rule";
  return [rule.inCondition(0, `the condition is always ${value}`, remedy)];
}

/** For conditions that were found to read nothing of a call. */
const nothing = {} as never;

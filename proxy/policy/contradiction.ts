import { serialize, type ASTNode } from "@marcbachmann/cel-js";
import { effects, riskTiers } from "../../collector/record/call-record.ts";
import { lifecycles } from "../registry/server-entry.ts";
import { conjuncts, type ConditionFault } from "./condition-lint.ts";
import type { Matcher } from "./matcher.ts";
import { fits } from "./pattern.ts";
import type { Dimension } from "./rule.ts";

/** Facts that a rule's match names as well. */
const dimensionOf: Readonly<Record<string, Dimension>> = {
  agent: "agents",
  method: "methods",
  "task.class": "taskClasses",
  "server.name": "servers",
  "server.riskTier": "riskTiers",
  "server.environment": "environments",
  "tool.name": "tools",
  "tool.effect": "effects",
};

/** Facts that have few values. A server without a tier has an empty one, and so has the effect of what is no tool call. */
const valuesOf: Readonly<Record<string, readonly string[]>> = {
  "server.riskTier": [...riskTiers, ""],
  "tool.effect": [...effects, ""],
  "server.lifecycle": lifecycles,
};

const scores: ReadonlySet<string> = new Set(["flow.score", "task.taintScore"]);

/**
 * Parts of a condition that must be true together and cannot be, by themselves or beside the rule's match. Only what is
 * certain is said: a condition may be impossible in ways that are not looked for.
 */
export function contradictions(ast: ASTNode, matcher: Matcher): ConditionFault[] {
  const faults: ConditionFault[] = [];
  const allowed = new Map<string, ReadonlySet<string>>();
  const seen = new Set<string>();
  for (const part of conjuncts(ast)) {
    const fault = valueFault(part, matcher, allowed) ?? scoreFault(part) ?? negationFault(part, seen);
    if (fault) faults.push({ offset: part.start, ...fault });
  }
  return faults;
}

type Fault = Omit<ConditionFault, "offset">;

/** `fact == "value"` and `fact in ["value", ...]`. */
function valueFault(part: ASTNode, matcher: Matcher, allowed: Map<string, ReadonlySet<string>>): Fault | undefined {
  const asked = equality(part);
  if (!asked) return undefined;
  const { fact, values } = asked;
  const known = valuesOf[fact];
  const possible = known ? values.filter((value) => known.includes(value)) : values;
  if (known && possible.length === 0) return never(`${fact} is never ${written(values)}`, `one of: ${known.filter(Boolean).join(", ")}`);
  const dimension = dimensionOf[fact];
  const patterns = dimension && matcher[dimension];
  if (patterns && !possible.some((value) => fits(patterns, value))) {
    return never(`${fact} is never ${written(values)} where the match names other ${dimension}`, `compare with ${dimension} in the match`);
  }
  const before = allowed.get(fact);
  const both = before ? possible.filter((value) => before.has(value)) : possible;
  if (both.length === 0) return never(`${fact} cannot be ${written(values)} as well`, "write || between the two, or remove one");
  allowed.set(fact, new Set(both));
  return undefined;
}

function equality(part: ASTNode): { fact: string; values: string[] } | undefined {
  if (part.op === "==") {
    const [left, right] = part.args;
    const [value, other] = left.op === "value" ? [left, right] : [right, left];
    const fact = factName(other);
    return fact !== undefined && value.op === "value" && typeof value.args === "string" ? { fact, values: [value.args] } : undefined;
  }
  if (part.op !== "in") return undefined;
  const [left, right] = part.args;
  const fact = factName(left);
  if (fact === undefined || right.op !== "list") return undefined;
  const values = right.args.map((item) => (item.op === "value" && typeof item.args === "string" ? item.args : undefined));
  return values.every((value) => value !== undefined) ? { fact, values } : undefined;
}

/** A score is from 0 to 1. */
function scoreFault(part: ASTNode): Fault | undefined {
  const mirrored = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==" } as const;
  const op = part.op as keyof typeof mirrored;
  if (!(op in mirrored)) return undefined;
  const [left, right] = part.args as [ASTNode, ASTNode];
  const onLeft = scores.has(factName(left) ?? "");
  const [side, literal, as] = onLeft ? [left, right, op] : [right, left, mirrored[op]];
  const fact = factName(side);
  if (fact === undefined || !scores.has(fact) || literal.op !== "value") return undefined;
  const bound = typeof literal.args === "bigint" ? Number(literal.args) : literal.args;
  if (typeof bound !== "number") return undefined;
  const possible = { "<": bound > 0, "<=": bound >= 0, ">": bound < 1, ">=": bound <= 1, "==": bound >= 0 && bound <= 1 }[as];
  return possible ? undefined : never(`${fact} is from 0 to 1`, "correct the number");
}

/** The same thing and its opposite. */
function negationFault(part: ASTNode, seen: Set<string>): Fault | undefined {
  const negated = part.op === "!_";
  const inner = serialize(negated ? part.args : part);
  if (seen.has(`${negated ? "" : "!"}${inner}`)) return never(`${inner} cannot be true and false`, "remove one of the two");
  seen.add(`${negated ? "!" : ""}${inner}`);
  return undefined;
}

function factName(node: ASTNode): string | undefined {
  if (node.op === "id") return node.args;
  return node.op === "." && node.args[0].op === "id" ? `${node.args[0].args}.${node.args[1]}` : undefined;
}

const never = (why: string, remedy: string): Fault => ({ message: `can never match: ${why}`, remedy });
const written = (values: readonly string[]): string => values.map((value) => JSON.stringify(value)).join(" or ");

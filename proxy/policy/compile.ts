import type { Environment } from "@marcbachmann/cel-js";
import { builtinRules } from "./builtin.ts";
import { createConditionCompiler, type Condition, type ConditionCompiler } from "./condition.ts";
import type { DecisionResult } from "./decision.ts";
import { shortDigest } from "../registry/digest.ts";
import { compileMatcher, type Matcher } from "./matcher.ts";
import type { Rule } from "./rule.ts";
import { finish } from "./steps.ts";

export interface CompiledRule {
  readonly rule: Rule;
  readonly matcher: Matcher;
  readonly condition: Condition | undefined;
  /** What is answered when this rule alone decides; made once, since most decisions are such. */
  readonly result: DecisionResult;
}

export interface CompiledRules {
  readonly version: string;
  /** In file order, the built-in ones last. */
  readonly rules: readonly CompiledRule[];
  /** What the conditions were compiled in, for who has to ask parts of them. */
  readonly environment: Environment;
}

export interface CompileOptions {
  readonly conditions: ConditionCompiler;
  /** Hears of each condition that is not valid, with the rule's place in the list; such a rule is left out. */
  onFault(index: number, error: unknown): void;
}

/** Compiles rules whose ids are unique, in steps. A set with faults must be refused by the caller. */
export function* compileSteps(fileRules: readonly Rule[], options: CompileOptions): Generator<void, CompiledRules> {
  const compile = options.conditions.forLoad();
  const all = [...fileRules, ...builtinRules];
  const version = shortDigest(all);
  yield;
  const rules: CompiledRule[] = [];
  for (const [index, rule] of all.entries()) {
    try {
      const condition = rule.when === undefined ? undefined : compile(rule.when);
      rules.push({ rule, matcher: compileMatcher(rule.match), condition, result: resultOf([rule], version) });
    } catch (error) {
      options.onFault(index, error);
    }
    yield;
  }
  return { version, rules, environment: options.conditions.environment };
}

export function compileRules(fileRules: readonly Rule[], options: { dataDir: string; onFault: CompileOptions["onFault"] }): CompiledRules {
  return finish(compileSteps(fileRules, { conditions: createConditionCompiler(options.dataDir), onFault: options.onFault }));
}

/** The decision of rules that share an effect; the first one with a message of its own speaks for all. */
export function resultOf(rules: readonly Rule[], policyVersion: string): DecisionResult {
  const effect = rules[0]!.effect;
  return Object.freeze({
    decision: effect,
    basis: "explicit",
    policyIds: Object.freeze(rules.map((rule) => rule.id)),
    policyVersion,
    reason: "rule",
    message: rules.find((rule) => rule.message)?.message ?? spoken[effect](rules[0]!.id),
  });
}

const spoken = {
  allow: (id: string) => `Allowed by rule ${id}.`,
  deny: (id: string) => `Denied by rule ${id}.`,
  hold: (id: string) => `Rule ${id} requires a person's approval for this call.`,
};

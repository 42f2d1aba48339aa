import { builtinRules } from "./builtin.ts";
import { compileCondition, createConditionEnvironment, type Condition } from "./condition.ts";
import type { DecisionResult } from "./decision.ts";
import { shortDigest } from "../registry/digest.ts";
import { compileMatcher, type Matcher } from "./matcher.ts";
import type { Rule } from "./rule.ts";

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
}

/**
 * Compiles rules whose ids are unique. `onFault` hears of each condition that is not valid, with the rule's place in the
 * list; such a rule is left out, so the caller must refuse the set.
 */
export function compileRules(
  fileRules: readonly Rule[],
  options: { dataDir: string; onFault: (index: number, error: unknown) => void },
): CompiledRules {
  const environment = createConditionEnvironment(options.dataDir);
  const all = [...fileRules, ...builtinRules];
  const version = shortDigest(all);
  const rules = all.flatMap((rule, index) => {
    try {
      const condition = rule.when === undefined ? undefined : compileCondition(environment, rule.when);
      return [{ rule, matcher: compileMatcher(rule.match), condition, result: resultOf([rule], version) }];
    } catch (error) {
      options.onFault(index, error);
      return [];
    }
  });
  return { version, rules };
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

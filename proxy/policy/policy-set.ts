import { resultOf, type CompiledRule, type CompiledRules } from "./compile.ts";
import type { DecisionInput, DecisionResult, PolicySet } from "./decision.ts";
import { createFacts } from "./facts.ts";
import { fitsIn } from "./matcher.ts";
import { createPossible } from "./possible.ts";
import { createRuleIndex, type Candidate } from "./rule-index.ts";

/**
 * Deny beats hold beats allow; nothing matched is a deny. A condition that cannot be evaluated is a deny as well, whatever
 * the effect of its rule: a rule that might have denied is not passed over, and one that might have allowed has not.
 */
export function createPolicySet(compiled: CompiledRules): PolicySet {
  const { version, rules } = compiled;
  const index = createRuleIndex(rules);
  const facts = createFacts();
  const nothingMatched: DecisionResult = Object.freeze({
    decision: "deny",
    basis: "default",
    policyIds: Object.freeze([]),
    policyVersion: version,
    reason: "no_rule",
    message: "No rule allows this call.",
  });

  /** The rules that match, in order; those whose condition failed go to `failed`. */
  function matching(candidates: readonly Candidate[], input: DecisionInput, failed: CompiledRule[]): CompiledRule[] {
    const matched: CompiledRule[] = [];
    for (const { rule, remaining } of candidates) {
      if (!remaining.every(([dimension, patterns]) => fitsIn(dimension, patterns, input))) continue;
      try {
        if (rule.condition && !rule.condition.evaluate(facts.of(input))) continue;
        matched.push(rule);
      } catch {
        failed.push(rule);
      }
    }
    return matched;
  }

  function choose(input: DecisionInput): DecisionResult {
    const candidates = index.find(input);
    const failed: CompiledRule[] = [];
    const denying = matching(candidates.deny, input, failed);
    if (denying.length > 0) return explicit(denying);
    const holding = matching(candidates.hold, input, failed);
    const allowing = matching(candidates.allow, input, failed);
    if (failed.length > 0) return ruleError(failed);
    if (holding.length > 0) return explicit(holding);
    if (allowing.length > 0) return explicit(allowing);
    return nothingMatched;
  }

  const explicit = (matched: CompiledRule[]): DecisionResult =>
    matched.length === 1 ? matched[0]!.result : resultOf(matched.map((m) => m.rule), version);

  const ruleError = (failed: CompiledRule[]): DecisionResult => ({
    decision: "deny",
    basis: "explicit",
    policyIds: failed.map((f) => f.rule.id),
    policyVersion: version,
    reason: "rule_error",
    message: `Rule ${failed[0]!.rule.id} could not be evaluated for this call. Check that its arguments are present and of the right type.`,
  });

  return Object.freeze({
    version,
    ...createPossible(compiled, index),
    decide(input: DecisionInput): DecisionResult {
      try {
        return choose(input);
      } finally {
        facts.release();
      }
    },
  });
}

import type { Decision } from "../../../collector/record/call-record.ts";
import type { CompiledRule, CompiledRules } from "../compile.ts";
import { createConditionEnvironment } from "../condition.ts";
import { meaningOf } from "../coverage.ts";
import { createFacts } from "../facts.ts";
import { fitsIn } from "../matcher.ts";
import { createRuleIndex } from "../rule-index.ts";
import { inputOf, isRecorded, type RecordedCall } from "./recorded-call.ts";
import { partialCondition, type PartialCondition, type Truth } from "../truth.ts";

export interface Replayed {
  /** What the proposed rules would answer; `unknown` where that depends on what no record holds. */
  readonly wouldBe: Decision | "unknown";
  /** The rules that would determine it, or on which it depends where it is unknown. */
  readonly rules: readonly string[];
}

export interface Replay {
  /** The facts that the proposed rules read. */
  readonly reads: ReadonlySet<string>;
  decide(call: RecordedCall): Replayed;
}

/** `either` is true or false, but not an error. */
type Status = Truth | "either";
type Statuses = { readonly rule: CompiledRule; readonly truth: Status }[];

/**
 * Decides recorded calls by proposed rules. `inForce` are the rules of today: where a call was decided by exactly those,
 * and a rule is the same in both sets, the record tells what came of its condition then, arguments and all.
 */
export function createReplay(proposed: CompiledRules, inForce: CompiledRules, dataDir: string): Replay {
  const environment = createConditionEnvironment(dataDir);
  const index = createRuleIndex(proposed.rules);
  const conditions = new Map<CompiledRule, PartialCondition>();
  for (const rule of proposed.rules) if (rule.condition) conditions.set(rule, partialCondition(environment, rule.condition));
  const meanings = new Map(inForce.rules.map(({ rule }) => [rule.id, meaningOf(rule)]));
  const unchanged = new Set(proposed.rules.filter(({ rule }) => meanings.get(rule.id) === meaningOf(rule)));
  const facts = createFacts();

  function statuses(call: RecordedCall): Statuses {
    const input = inputOf(call);
    const found: Statuses = [];
    const { deny, hold, allow } = index.find(input);
    for (const { rule, remaining } of [...deny, ...hold, ...allow]) {
      if (!remaining.every(([dimension, patterns]) => fitsIn(dimension, patterns, input))) continue;
      const condition = conditions.get(rule);
      let truth: Status = condition ? condition.evaluate(facts.of(input), (fact) => isRecorded(fact, call)) : "true";
      if (truth === "unknown" && call.policy_version === inForce.version && unchanged.has(rule)) truth = asRecorded(rule, call);
      if (truth !== "false") found.push({ rule, truth });
    }
    facts.release();
    return found;
  }

  return { reads: new Set([...conditions.values()].flatMap(({ reads }) => [...reads])), decide: (call) => answer(statuses(call)) };
}

/** What a decision says of a rule that was in force then: more than whether it is named. */
function asRecorded({ rule }: CompiledRule, { why, answer, policy_ids }: RecordedCall): Status {
  const named = policy_ids.includes(rule.id);
  if (why === "rule_error") {
    // Denies were asked first, and none was true.
    if (named) return "error";
    return rule.effect === "deny" ? "false" : "unknown";
  }
  if (why === "no_rule") return "false";
  if (named) return "true";
  // A denial is given before the rest is looked at, whatever other denies came to.
  if (answer === "deny") return "unknown";
  // A stronger rule would have decided instead. A weaker one may have been true or not; an error would have been told.
  return strength[rule.effect] >= strength[answer] ? "false" : "either";
}

const strength = { allow: 0, hold: 1, deny: 2 };

/** As `createPolicySet` decides, over every way in which what is unknown may turn out: true, false or an error. */
function answer(statuses: Statuses): Replayed {
  const ids = (effect: Decision, truth: Status) => statuses.filter((s) => s.truth === truth && s.rule.rule.effect === effect).map((s) => s.rule.rule.id);
  const denying = ids("deny", "true");
  if (denying.length > 0) return { wouldBe: "deny", rules: denying };
  const failed = statuses.filter((s) => s.truth === "error").map((s) => s.rule.rule.id);
  if (failed.length > 0) return { wouldBe: "deny", rules: failed };

  const holding = ids("hold", "true");
  const allowing = ids("allow", "true");
  const nothing = holding.length === 0 && allowing.length === 0;
  const settled: Decision = holding.length > 0 ? "hold" : allowing.length > 0 ? "allow" : "deny";
  const unknown = statuses.filter(({ rule, truth }) => truth === "unknown" || (truth === "either" && (nothing || strength[rule.rule.effect] > strength[settled])));
  // An unknown one may deny, if only because it cannot be evaluated; so what is left is certain only where it denies anyway.
  const opens = settled !== "deny" || unknown.some((s) => s.rule.rule.effect !== "deny");
  if (unknown.length > 0 && opens) return { wouldBe: "unknown", rules: unknown.map((s) => s.rule.rule.id) };
  return { wouldBe: settled, rules: settled === "hold" ? holding : allowing };
}

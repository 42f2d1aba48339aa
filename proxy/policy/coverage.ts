import { serialize } from "@marcbachmann/cel-js";
import { canonicalJson } from "../registry/digest.ts";
import { conjuncts } from "./condition-lint.ts";
import type { LoadedRule } from "./load-policies.ts";
import { covers } from "./pattern.ts";
import { dimensions, type Rule } from "./rule.ts";

/** What makes a rule without effect: another one that always decides where it would. */
export interface Shadow {
  readonly rule: LoadedRule;
  readonly by: LoadedRule;
  readonly how: "denied" | "held" | "duplicate";
}

export function findShadows(rules: readonly LoadedRule[]): Shadow[] {
  const required = new Map(rules.map((rule) => [rule, requirements(rule)]));
  const asksNoMore = (outer: LoadedRule, inner: LoadedRule) => {
    const more = required.get(inner)!;
    return [...required.get(outer)!].every((part) => more.has(part));
  };
  const first = new Map<string, LoadedRule>();
  return rules.flatMap((rule): Shadow[] => {
    const same = meaningOf(rule.compiled.rule);
    const twin = first.get(same);
    if (!twin) first.set(same, rule);
    const by = rules.find((other) => beats(other, rule) && asksNoMore(other, rule) && matchCovers(other, rule));
    if (by) return [{ rule, by, how: effectOf(by) === "deny" ? "denied" : "held" }];
    return twin ? [{ rule, by: twin, how: "duplicate" }] : [];
  });
}

/** The parts of a rule's condition, each of which must be true; none where it has no condition. */
function requirements({ compiled: { condition } }: LoadedRule): Set<string> {
  return new Set(condition ? conjuncts(condition.ast).map((part) => serialize(part)) : []);
}

const strength = { allow: 0, hold: 1, deny: 2 };

function beats(one: LoadedRule, other: LoadedRule): boolean {
  return strength[effectOf(one)] > strength[effectOf(other)];
}

function matchCovers(outer: LoadedRule, inner: LoadedRule): boolean {
  return dimensions.every((d) => covers(outer.compiled.matcher[d], inner.compiled.matcher[d]));
}

const effectOf = (rule: LoadedRule) => rule.compiled.rule.effect;

/** All of a rule but its name and its words; the order of a list means nothing. */
export function meaningOf(rule: Rule): string {
  const match = Object.fromEntries(dimensions.map((d) => [d, [...rule.match[d]].sort()]));
  return canonicalJson({ effect: rule.effect, match, when: rule.when?.replace(/\s+/g, " ").trim() });
}

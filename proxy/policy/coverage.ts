import { canonicalJson } from "../registry/digest.ts";
import type { LoadedRule } from "./load-policies.ts";
import { covers } from "./pattern.ts";
import { dimensions } from "./rule.ts";

/** What makes a rule without effect: another one that always decides where it would. */
export interface Shadow {
  readonly rule: LoadedRule;
  readonly by: LoadedRule;
  readonly how: "denied" | "held" | "duplicate";
}

export function findShadows(rules: readonly LoadedRule[]): Shadow[] {
  const unconditional = rules.filter((rule) => rule.compiled.condition === undefined);
  const first = new Map<string, LoadedRule>();
  return rules.flatMap((rule): Shadow[] => {
    const same = meaning(rule);
    const twin = first.get(same);
    if (!twin) first.set(same, rule);
    const by = unconditional.find((other) => beats(other, rule) && matchCovers(other, rule));
    if (by) return [{ rule, by, how: effectOf(by) === "deny" ? "denied" : "held" }];
    return twin ? [{ rule, by: twin, how: "duplicate" }] : [];
  });
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
function meaning({ compiled: { rule } }: LoadedRule): string {
  const match = Object.fromEntries(dimensions.map((d) => [d, [...rule.match[d]].sort()]));
  return canonicalJson({ effect: rule.effect, match, when: rule.when?.replace(/\s+/g, " ").trim() });
}

import type { CompiledRule, CompiledRules } from "./compile.ts";
import type { DecisionInput, Possible, Requirement } from "./decision.ts";
import { createFacts } from "./facts.ts";
import { fitsIn } from "./matcher.ts";
import { covers, overlaps, templateGlob, type Patterns } from "./pattern.ts";
import type { Candidate, RuleIndex } from "./rule-index.ts";
import { partialCondition, type PartialCondition, type Truth } from "./truth.ts";

/** Facts that are the same for every call of a tool that a caller makes in a task; `args` and the rest are not. */
const lasting: ReadonlySet<string> = new Set(["agent", "principal", "method", "server", "tool", "task.id", "task.class", "task.owner"]);
const isLasting = (fact: string): boolean => lasting.has(fact) || fact.startsWith("server.") || fact.startsWith("tool.");

export function createPossible({ environment }: Pick<CompiledRules, "environment">, index: RuleIndex): Possible {
  const facts = createFacts();
  const conditions = new Map<CompiledRule, PartialCondition>();

  /** Made when a list is first asked for: calls do without. */
  function conditionOf(rule: CompiledRule): PartialCondition | null {
    if (!rule.condition) return null;
    let partial = conditions.get(rule);
    if (!partial) conditions.set(rule, (partial = partialCondition(environment, rule.condition)));
    return partial;
  }

  function truthOf({ rule, remaining }: Candidate, input: DecisionInput, template: string | undefined): Truth {
    let truth: Truth = "true";
    for (const [dimension, patterns] of remaining) {
      const fit = dimension === "resources" && template !== undefined ? fitsTemplate(patterns, template) : fitsIn(dimension, patterns, input) ? "true" : "false";
      if (fit === "false") return "false";
      if (fit === "unknown") truth = "unknown";
    }
    const condition = conditionOf(rule);
    const held = condition === null ? "true" : condition.evaluate(facts.of(input), isLasting);
    return held === "true" || (truth === "unknown" && held === "error") ? truth : held;
  }

  return {
    mayAllow(input, template) {
      const { deny, hold, allow } = index.find(input);
      try {
        for (const candidate of deny) {
          const truth = truthOf(candidate, input, template);
          if (truth === "true" || truth === "error") return false;
        }
        let possible = false;
        for (const candidate of [...hold, ...allow]) {
          const truth = truthOf(candidate, input, template);
          // A condition that fails whatever the arguments is a deny, whatever its rule would have done.
          if (truth === "error") return false;
          if (truth !== "false") possible = true;
        }
        return possible;
      } finally {
        facts.release();
      }
    },
    requirements(input, limit) {
      const found: Requirement[] = [];
      try {
        for (const candidate of index.find(input).allow) {
          const { rule } = candidate.rule;
          if (rule.when === undefined || found.length >= limit) continue;
          const truth = truthOf(candidate, input, undefined);
          if (truth === "unknown") found.push({ id: rule.id, when: rule.when });
        }
        return found;
      } finally {
        facts.release();
      }
    },
  };
}

/** Whether what a URI template names fits, all of it or some. */
function fitsTemplate(patterns: Patterns, template: string): Truth {
  const named = templateGlob(template);
  if (covers(patterns, { exact: new Set(), globs: [named] })) return "true";
  return overlaps(patterns, named) ? "unknown" : "false";
}

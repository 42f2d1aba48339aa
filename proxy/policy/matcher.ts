import type { DecisionInput } from "./decision.ts";
import { compilePatterns, fits, type Patterns } from "./pattern.ts";
import { dimensions, type Dimension, type RuleMatch } from "./rule.ts";

/** A rule's `match`, compiled; null fits everything. */
export type Matcher = { readonly [D in Dimension]: Patterns | null };

export function compileMatcher(match: RuleMatch): Matcher {
  return Object.fromEntries(dimensions.map((d) => [d, compilePatterns(match[d])])) as Matcher;
}

/** Whether the input fits in one dimension. */
export function fitsIn(dimension: Dimension, patterns: Patterns, input: DecisionInput): boolean {
  switch (dimension) {
    case "agents":
      return fits(patterns, input.agent);
    case "taskClasses":
      return fits(patterns, input.taskClass);
    case "servers":
      return fits(patterns, input.server);
    case "tools":
      return fits(patterns, input.tool);
    case "methods":
      return fits(patterns, input.method);
    case "effects":
      return fits(patterns, input.effect);
    case "riskTiers":
      return fits(patterns, input.riskTier);
    case "dataDomains":
      return input.dataDomains.some((domain) => fits(patterns, domain));
    case "environments":
      return fits(patterns, input.environment);
    case "prompts":
      return fits(patterns, input.prompt);
    case "resources":
      return fits(patterns, input.resourceUri);
  }
}

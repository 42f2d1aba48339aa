import { serialize, type ASTNode, type Environment } from "@marcbachmann/cel-js";
import { compileCondition, type Condition, type Facts } from "./condition.ts";
import { factsRead } from "./condition-lint.ts";

/** What a condition comes to where not all facts are known. */
export type Truth = "true" | "false" | "error" | "unknown";

export interface PartialCondition {
  /** Every fact that it reads. */
  readonly reads: ReadonlySet<string>;
  evaluate(facts: Facts, isKnown: (fact: string) => boolean): Truth;
}

/**
 * A condition that can be asked with some facts missing. `&&`, `||`, `!` and `?:` are taken apart, so that one false side
 * settles it, as it does in CEL, where an error on the other side does not count either.
 */
export function partialCondition(environment: Environment, condition: Condition): PartialCondition {
  const { ast } = condition;
  return { reads: factsRead(ast), evaluate: compilePart(environment, ast, condition) };
}

type Part = PartialCondition["evaluate"];

function compilePart(environment: Environment, node: ASTNode, whole?: Condition): Part {
  const part = (inner: ASTNode): Part => compilePart(environment, inner);
  switch (node.op) {
    case "&&":
    case "||": {
      const settles = node.op === "&&" ? "false" : "true";
      const [left, right] = node.args.map(part) as [Part, Part];
      return (facts, isKnown) => both(left(facts, isKnown), right(facts, isKnown), settles);
    }
    case "!_": {
      const inner = part(node.args);
      return (facts, isKnown) => negated[inner(facts, isKnown)];
    }
    case "?:": {
      const [asked, yes, no] = node.args.map(part) as [Part, Part, Part];
      return (facts, isKnown) => {
        const truth = asked(facts, isKnown);
        if (truth === "error") return "error";
        if (truth === "true") return yes(facts, isKnown);
        return truth === "false" ? no(facts, isKnown) : "unknown";
      };
    }
    default:
      return leaf(environment, node, whole);
  }
}

function leaf(environment: Environment, node: ASTNode, whole: Condition | undefined): Part {
  const reads = [...factsRead(node)];
  const condition = whole ?? tryCompile(environment, node);
  return (facts, isKnown) => {
    if (!condition || !reads.every(isKnown)) return "unknown";
    try {
      return condition.evaluate(facts) ? "true" : "false";
    } catch {
      return "error";
    }
  };
}

/** A side that yields bool only when it is run, such as `args.flag`, has no type of its own: it stays unknown. */
function tryCompile(environment: Environment, node: ASTNode): Condition | undefined {
  try {
    return compileCondition(environment, serialize(node));
  } catch {
    return undefined;
  }
}

const negated = { true: "false", false: "true", error: "error", unknown: "unknown" } as const;

function both(left: Truth, right: Truth, settles: "true" | "false"): Truth {
  if (left === settles || right === settles) return settles;
  if (left === "unknown" || right === "unknown") return "unknown";
  if (left === "error" || right === "error") return "error";
  return settles === "true" ? "false" : "true";
}

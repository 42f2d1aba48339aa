import type { ASTNode } from "@marcbachmann/cel-js";

export interface ConditionFault {
  offset: number;
  message: string;
  remedy: string;
}

/**
 * What a condition must not do, although it type-checks: take time that a caller controls. Conditions run on the path of
 * every call, over arguments of any size, in a language whose `matches` is JavaScript's backtracking engine here.
 */
export function lintCondition(ast: ASTNode): ConditionFault[] {
  const faults: ConditionFault[] = [];
  walk(ast, noScope, (node, { loops }) => {
    if (node.op !== "rcall") return;
    const [name, receiver, args] = node.args;
    if (name === "matches") {
      const problem = patternProblem(args[0]);
      if (problem) faults.push({ offset: node.start, ...problem });
    }
    if (macros.has(name) && loops.length > 0 && !loops.includes(rootOf(receiver) ?? "")) {
      faults.push({
        offset: node.start,
        message: "a list is walked again for every entry of another one",
        remedy: "walk only what belongs to the outer entry, or split the rule",
      });
    }
  });
  return faults;
}

/** Names of the variables that an expression reads, without those that its own macros bind. */
export function variablesOf(ast: ASTNode): Set<string> {
  const found = new Set<string>();
  walk(ast, noScope, (node, { bound }) => {
    if (node.op === "id" && !bound.includes(node.args) && node.args !== "cel" && node.args !== "dataDir") found.add(node.args);
  });
  return found;
}

/**
 * The facts that an expression reads: `agent`, `task.class`, `args`. An object that it takes whole is named whole, and so
 * are `args`, whose parts have no names of their own.
 */
export function factsRead(ast: ASTNode): Set<string> {
  const found = new Set<string>();
  const partOf = new Set<ASTNode>();
  walk(ast, noScope, (node, { bound }) => {
    if (node.op === "." && node.args[0].op === "id" && node.args[0].args !== "args" && !bound.includes(node.args[0].args)) {
      partOf.add(node.args[0]);
      found.add(`${node.args[0].args}.${node.args[1]}`);
    }
    if (node.op !== "id" || partOf.has(node) || bound.includes(node.args) || node.args === "cel" || node.args === "dataDir") return;
    found.add(node.args);
  });
  return found;
}

/** True or false where the expression is so whatever the call is, undefined where it depends on it. */
export function constantValue(ast: ASTNode, evaluate: () => unknown): boolean | undefined {
  if (variablesOf(ast).size === 0) {
    try {
      const value = evaluate();
      return typeof value === "boolean" ? value : undefined;
    } catch {
      return undefined;
    }
  }
  return fold(ast);
}

function fold(node: ASTNode): boolean | undefined {
  if (node.op === "value") return typeof node.args === "boolean" ? node.args : undefined;
  if (node.op === "!_") {
    const inner = fold(node.args);
    return inner === undefined ? undefined : !inner;
  }
  if (node.op !== "||" && node.op !== "&&") return undefined;
  const sides = node.args.map(fold);
  const deciding = node.op === "||";
  if (sides.includes(deciding)) return deciding;
  return sides.every((side) => side === !deciding) ? !deciding : undefined;
}

const macros = new Set(["all", "exists", "exists_one", "map", "filter"]);

function patternProblem(pattern: ASTNode | undefined): Omit<ConditionFault, "offset"> | undefined {
  if (pattern?.op !== "value" || typeof pattern.args !== "string") {
    return { message: "matches() takes a pattern that is written out", remedy: "use contains, startsWith or == for values from the call" };
  }
  try {
    new RegExp(pattern.args);
  } catch {
    return { message: "matches() has a pattern that is not a regular expression", remedy: "correct the pattern" };
  }
  if (!repeatsRepetition(pattern.args)) return undefined;
  return { message: "matches() has a repetition inside a repetition, which can take exponential time", remedy: "write it without the nesting" };
}

/** A group that holds a repetition or an alternative and is itself repeated without a small bound. */
function repeatsRepetition(pattern: string): boolean {
  const groups: boolean[] = [];
  const plain = pattern.replace(/\\./g, "_").replace(/\[[^\]]*\]/g, "_");
  for (let i = 0; i < plain.length; i++) {
    const c = plain[i]!;
    if (c === "(") groups.push(false);
    else if (c === ")") {
      const risky = groups.pop() ?? false;
      const repeated = /^(?:[*+]|\{\d+,\d*\})/.test(plain.slice(i + 1));
      if (risky && repeated) return true;
      if ((risky || repeated) && groups.length > 0) groups[groups.length - 1] = true;
    } else if (groups.length > 0 && (c === "*" || c === "+" || c === "|" || (c === "{" && /^\{\d+,/.test(plain.slice(i))))) {
      groups[groups.length - 1] = true;
    }
  }
  return false;
}

function rootOf(node: ASTNode): string | undefined {
  let at: ASTNode = node;
  while (at.op === "." || at.op === "[]") at = at.args[0];
  return at.op === "id" ? at.args : undefined;
}

/** Calls `visit` for every part of an expression, with the names that macros around it have bound. */
export function eachNode(ast: ASTNode, visit: (node: ASTNode, bound: readonly string[]) => void): void {
  walk(ast, noScope, (node, { bound }) => visit(node, bound));
}

/** What must be true together: an expression, or the sides of its outermost `&&`s. */
export function conjuncts(ast: ASTNode): ASTNode[] {
  return ast.op === "&&" ? ast.args.flatMap(conjuncts) : [ast];
}

/** `args.filter.state` as `["filter", "state"]`; undefined for what is no plain path into `variable`. */
export function pathInto(variable: string, node: ASTNode, bound: readonly string[] = []): readonly string[] | undefined {
  if (node.op === "id") return node.args === variable && !bound.includes(variable) ? [] : undefined;
  if (node.op === ".") {
    const before = pathInto(variable, node.args[0], bound);
    return before && [...before, node.args[1]];
  }
  if (node.op !== "[]" || node.args[1].op !== "value" || typeof node.args[1].args !== "string") return undefined;
  const before = pathInto(variable, node.args[0], bound);
  return before && [...before, node.args[1].args];
}

/** The variables that macros around a node have bound, and those of them that walk a list. */
interface Scope {
  readonly bound: readonly string[];
  readonly loops: readonly string[];
}
const noScope: Scope = { bound: [], loops: [] };

function walk(node: ASTNode, scope: Scope, visit: (node: ASTNode, scope: Scope) => void): void {
  visit(node, scope);
  if (node.op !== "rcall") {
    for (const child of children(node)) walk(child, scope, visit);
    return;
  }
  const [name, receiver, args] = node.args;
  walk(receiver, scope, visit);
  const variable = args[0];
  if (variable?.op !== "id" || !(macros.has(name) || name === "bind")) {
    for (const arg of args) walk(arg, scope, visit);
    return;
  }
  const inner: Scope = {
    bound: [...scope.bound, variable.args],
    loops: macros.has(name) ? [...scope.loops, variable.args] : scope.loops,
  };
  for (const arg of args.slice(1)) walk(arg, inner, visit);
}

function children(node: ASTNode): ASTNode[] {
  return (Array.isArray(node.args) ? node.args.flat(2) : [node.args]).filter(
    (arg): arg is ASTNode => typeof arg === "object" && arg !== null && "op" in arg,
  );
}

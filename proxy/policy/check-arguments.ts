import type { ASTNode, Environment } from "@marcbachmann/cel-js";
import type { FileProblem } from "../../collector/kernel/errors.ts";
import { toolFacts } from "../registry/callable.ts";
import { canonicalJson } from "../registry/digest.ts";
import { nearest } from "../registry/nearest.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import { argumentTypes, declareArguments, typeAt, withPath, type ArgumentType } from "./argument-types.ts";
import { compileCondition, ConditionError, createBaseEnvironment } from "./condition.ts";
import { eachNode, factsRead, pathInto } from "./condition-lint.ts";
import type { LoadedRule } from "./load-policies.ts";
import { fits } from "./pattern.ts";

/** The definitions of a server's tools, by name, as they were pinned; empty where none are known. */
export type Definitions = (server: string) => ReadonlyMap<string, { readonly inputSchema?: unknown }>;

/** Different schemas that one rule is held against. */
const MAX_SCHEMAS = 500;
/** Names that a message lists. */
const MAX_NAMES = 6;

interface TypedTool {
  /** `server/tool` */
  readonly name: string;
  readonly type: ArgumentType;
}

interface Fault {
  readonly offset: number;
  readonly message: string;
  readonly tools: TypedTool[];
}

export interface ArgumentCheck {
  /** What is wrong with a rule's condition, given the tools that it may be asked about. */
  (rule: LoadedRule, servers: readonly ServerEntry[]): FileProblem[];
}

/**
 * Holds conditions against the input schemas of the tools that their rules are about. A tool whose definition is not known
 * is left out: nothing is said of it. At run time a condition meets whatever the caller sent.
 */
export function createArgumentCheck(definitions: Definitions): ArgumentCheck {
  const environment = createBaseEnvironment("");
  const types = new Map<string, ArgumentType>();
  const typeOf = (inputSchema: unknown): ArgumentType => {
    const key = canonicalJson(inputSchema);
    let type = types.get(key);
    if (!type) types.set(key, (type = argumentTypes(inputSchema)));
    return type;
  };

  function toolsOf({ compiled: { matcher } }: LoadedRule, servers: readonly ServerEntry[]): TypedTool[] {
    if (matcher.methods && !fits(matcher.methods, "tools/call")) return [];
    return servers.flatMap((server) =>
      [...definitions(server.name)].flatMap(([tool, { inputSchema }]) => {
        if (matcher.tools && !fits(matcher.tools, tool)) return [];
        if (matcher.effects && !fits(matcher.effects, toolFacts(server, tool).effect)) return [];
        return inputSchema === undefined ? [] : [{ name: `${server.name}/${tool}`, type: typeOf(inputSchema) }];
      }),
    );
  }

  return (rule, servers) => {
    const { condition } = rule.compiled;
    if (!condition || !factsRead(condition.ast).has("args")) return [];
    const tools = toolsOf(rule, servers);
    if (tools.length === 0) return [];
    return [...guardFaults(rule, condition.ast, tools), ...typeFaults(rule, condition.ast, tools, environment), ...valueFaults(rule, condition.ast, tools)];
  };
}

/** `has(args.x)` where no tool has an x. */
function guardFaults(rule: LoadedRule, ast: ASTNode, tools: readonly TypedTool[]): FileProblem[] {
  return guards(ast).flatMap(({ node, path }) => {
    if (path.length === 0 || tools.some(({ type }) => typeAt(type, path))) return [];
    return [rule.inCondition(node.start, `has(args.${path.join(".")}) is never true: ${noSuch(path.at(-1)!, tools)}`, remedyFor(path, tools))];
  });
}

function guards(ast: ASTNode): { node: ASTNode; path: readonly string[] }[] {
  const found: { node: ASTNode; path: readonly string[] }[] = [];
  eachNode(ast, (node, bound) => {
    if (node.op !== "call" || node.args[0] !== "has") return;
    const path = node.args[1][0] && pathInto("args", node.args[1][0], bound);
    if (path) found.push({ node, path });
  });
  return found;
}

/** Arguments that tools do not have, and values that are compared with what they can never be. */
function typeFaults(rule: LoadedRule, ast: ASTNode, tools: readonly TypedTool[], environment: Environment): FileProblem[] {
  const guarded = guards(ast).map(({ path }) => path);
  const bySchema = new Map<ArgumentType, TypedTool[]>();
  for (const tool of tools) bySchema.set(tool.type, [...(bySchema.get(tool.type) ?? []), tool]);
  const faults = new Map<string, Fault>();
  for (const [type, alike] of [...bySchema].slice(0, MAX_SCHEMAS)) {
    const fault = typeFault(rule.compiled.rule.when!, guarded.reduce(withPath, type), environment);
    if (!fault) continue;
    const key = `${fault.offset} ${fault.message}`;
    const known = faults.get(key);
    if (known) known.tools.push(...alike);
    else faults.set(key, { offset: fault.offset, message: fault.message, tools: [...alike] });
  }
  const faulty = [...faults.values()].reduce((n, fault) => n + fault.tools.length, 0);
  // A condition that asks for the tool may well mean only some of them.
  const reads = factsRead(ast);
  if (faulty < tools.length && (reads.has("tool.name") || reads.has("server.name"))) return [];
  return [...faults.values()].map((fault) => describe(rule, ast, fault, tools));
}

function typeFault(expression: string, type: ArgumentType, environment: Environment): ConditionError | undefined {
  try {
    compileCondition(declareArguments(environment, type), expression);
    return undefined;
  } catch (error) {
    if (error instanceof ConditionError) return error;
    throw error;
  }
}

function describe(rule: LoadedRule, ast: ASTNode, { offset, message, tools }: Fault, all: readonly TypedTool[]): FileProblem {
  const some = tools.length < all.length;
  const missing = /^No such key: (.*)$/s.exec(message)?.[1];
  const what = missing === undefined ? typeMessage(message) : noSuch(missing, tools);
  const consequence = some ? "; every call of them is denied, since the condition cannot be evaluated" : "; the condition can never be evaluated";
  const path = missing === undefined ? undefined : pathAt(ast, missing, offset);
  const guard = path && some ? `ask has(args.${path.join(".")}) first, or name only the tools that have it` : undefined;
  const remedy = guard ?? (path ? remedyFor(path, tools) : `compare it with what the input schema of ${namesOf(tools)} allows`);
  return rule.inCondition(offset, `${what}${missing === undefined ? ` for ${namesOf(tools)}` : ""}${consequence}`, remedy);
}

/** The checker's words, with the names that the types have here left out. */
const typeMessage = (message: string): string => message.replace(/Arguments\d+/g, "object");

const noSuch = (name: string, tools: readonly TypedTool[]): string => `no argument "${name}" in ${namesOf(tools)}`;

function namesOf(tools: readonly TypedTool[]): string {
  const names = tools.map(({ name }) => name);
  return names.length <= MAX_NAMES ? names.join(", ") : `${names.slice(0, MAX_NAMES).join(", ")} and ${names.length - MAX_NAMES} more`;
}

/** The path that ends in a name at or around an offset. */
function pathAt(ast: ASTNode, name: string, offset: number): readonly string[] | undefined {
  let found: readonly string[] | undefined;
  eachNode(ast, (node, bound) => {
    if (node.start > offset || node.end < offset) return;
    const path = pathInto("args", node, bound);
    if (path?.at(-1) === name) found = path;
  });
  return found;
}

function remedyFor(path: readonly string[], tools: readonly TypedTool[]): string {
  const names = new Set(tools.flatMap(({ type }) => fieldsAt(type, path.slice(0, -1))));
  const near = nearest(path.at(-1)!, names);
  if (near !== undefined) return `did you mean "${near}"?`;
  const listed = [...names].slice(0, MAX_NAMES).join(", ");
  return listed === "" ? "the input schema names no arguments" : `the input schema names ${listed}`;
}

function fieldsAt(type: ArgumentType, path: readonly string[]): string[] {
  const at = typeAt(type, path);
  return at?.kind === "object" ? [...at.fields.keys()] : [];
}

/** `args.mode == "x"` where the input schema allows other values only. */
function valueFaults(rule: LoadedRule, ast: ASTNode, tools: readonly TypedTool[]): FileProblem[] {
  const findings: FileProblem[] = [];
  eachNode(ast, (node, bound) => {
    if (node.op !== "==" && node.op !== "!=") return;
    const [left, right] = node.args;
    const literal = left.op === "value" ? left : right;
    const path = pathInto("args", literal === left ? right : left, bound);
    if (!path || literal.op !== "value" || typeof literal.args !== "string") return;
    const value = literal.args;
    const allowed = tools.map(({ type }) => typeAt(type, path)).map((type) => (type?.kind === "string" ? type.values : undefined));
    if (!allowed.every((values) => values && !values.includes(value))) return;
    const values = new Set(allowed.flatMap((one) => one ?? []));
    const message = `args.${path.join(".")} is never ${JSON.stringify(value)}`;
    findings.push(rule.inCondition(literal.start, message, `one of: ${[...values].slice(0, MAX_NAMES).join(", ")}`));
  });
  return findings;
}

import { Environment, type ASTNode } from "@marcbachmann/cel-js";
import { isInside } from "./inside.ts";

/** What a condition sees. One object is filled again for every decision: it must not outlive it. */
export interface Facts {
  agent: string;
  principal: string;
  task: TaskFacts;
  flow: FlowFacts;
  server: ServerFacts;
  tool: ToolFacts;
  method: string;
  args: unknown;
  readonly now: Date;
}

/** Classes, because the type checker knows a type by its constructor. CEL's integers are bigints, its doubles numbers. */
export class TaskFacts {
  id = "";
  class = "";
  owner = "";
  tainted = false;
  taintScore = 0;
  readDomains: readonly string[] = [];
  calls = 0n;
  writes = 0n;
}
export class FlowFacts {
  untrusted = false;
  score = 0;
}
export class ServerFacts {
  name = "";
  version = "";
  lifecycle = "";
  riskTier = "";
  dataDomains: readonly string[] = [];
  environment = "";
}
export class ToolFacts {
  name = "";
  effect = "";
  trusted = false;
  listed = false;
}

export interface Condition {
  readonly ast: ASTNode;
  /** Throws what the expression throws, or a TypeError when it yields anything but a boolean. */
  evaluate(facts: Facts): boolean;
}

/** A fault inside an expression; `offset` counts characters from its start. */
export class ConditionError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = "ConditionError";
    this.offset = offset;
  }
}

/** What the variables hold, by the names that conditions call it: the one place that says so. */
export const factTypes = {
  Task: {
    id: "string",
    class: "string",
    owner: "string",
    tainted: "bool",
    taintScore: "double",
    readDomains: "list<string>",
    calls: "int",
    writes: "int",
  },
  Flow: { untrusted: "bool", score: "double" },
  Server: {
    name: "string",
    version: "string",
    lifecycle: "string",
    riskTier: "string",
    dataDomains: "list<string>",
    environment: "string",
  },
  Tool: { name: "string", effect: "string", trusted: "bool", listed: "bool" },
} as const;

/** Everything but `args`, which is typed apart. */
export function createBaseEnvironment(dataDir: string): Environment {
  return new Environment()
    .registerType("Task", { ctor: TaskFacts, fields: factTypes.Task })
    .registerType("Flow", { ctor: FlowFacts, fields: factTypes.Flow })
    .registerType("Server", { ctor: ServerFacts, fields: factTypes.Server })
    .registerType("Tool", { ctor: ToolFacts, fields: factTypes.Tool })
    .registerVariable("agent", "string")
    .registerVariable("principal", "string")
    .registerVariable("task", "Task")
    .registerVariable("flow", "Flow")
    .registerVariable("server", "Server")
    .registerVariable("tool", "Tool")
    .registerVariable("method", "string")
    .registerVariable("now", "google.protobuf.Timestamp")
    .registerConstant("dataDir", "string", dataDir)
    .registerFunction("string.isInside(string): bool", isInside, { async: false });
}

/** The language of conditions: CEL with the variables above, `dataDir`, and `path.isInside(directory)`. */
export function createConditionEnvironment(dataDir: string): Environment {
  return createBaseEnvironment(dataDir).registerVariable("args", "dyn");
}

/** Compiles the conditions of one load, and of the next one only those that are new: most rules stay as they are. */
export interface ConditionCompiler {
  readonly environment: Environment;
  /** A function for one load, which throws ConditionError. What that load does not ask for again is forgotten. */
  forLoad(): (expression: string) => Condition;
}

export function createConditionCompiler(dataDir: string): ConditionCompiler {
  const environment = createConditionEnvironment(dataDir);
  let kept: ReadonlyMap<string, Condition> = new Map();
  return {
    environment,
    forLoad() {
      const before = kept;
      const now = new Map<string, Condition>();
      kept = now;
      return (expression) => {
        const condition = now.get(expression) ?? before.get(expression) ?? compileCondition(environment, expression);
        now.set(expression, condition);
        return condition;
      };
    },
  };
}

/** Parses and type-checks once. Throws ConditionError. */
export function compileCondition(environment: Environment, expression: string): Condition {
  let parsed: ReturnType<Environment["parse"]>;
  try {
    parsed = environment.parse(expression);
  } catch (error) {
    throw toConditionError(error);
  }
  const checked = parsed.check();
  if (!checked.valid) throw toConditionError(checked.error);
  if (checked.type !== "bool") {
    throw new ConditionError(`the condition yields ${checked.type}, not bool; compare it, as in \`args.flag == true\``, 0);
  }
  return {
    ast: parsed.ast,
    evaluate(facts) {
      const value: unknown = parsed(facts);
      if (typeof value !== "boolean") throw new TypeError("the condition did not yield a boolean");
      return value;
    },
  };
}

function toConditionError(error: unknown): ConditionError {
  const { summary, message, range } = error as { summary?: string; message: string; range?: { start: number } };
  return new ConditionError(summary ?? message, range?.start ?? 0);
}

import { Environment, type ASTNode } from "@marcbachmann/cel-js";
import { isInside } from "./inside.ts";

/** What a condition sees. One object is filled again for every decision: it must not outlive it. */
export interface Facts {
  agent: string;
  principal: string;
  task: TaskFacts;
  server: ServerFacts;
  tool: ToolFacts;
  method: string;
  args: unknown;
  readonly now: Date;
}

/** Classes, because the type checker knows a type by its constructor. */
export class TaskFacts {
  id = "";
  class = "";
}
export class ServerFacts {
  name = "";
  riskTier = "";
  dataDomains: readonly string[] = [];
  environment = "";
}
export class ToolFacts {
  name = "";
  effect = "";
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

const stringFields = (...names: string[]) => Object.fromEntries(names.map((name) => [name, "string"]));

/** The language of conditions: CEL with the variables above, `dataDir`, and `path.isInside(directory)`. */
export function createConditionEnvironment(dataDir: string): Environment {
  return new Environment()
    .registerType("Task", { ctor: TaskFacts, fields: stringFields("id", "class") })
    .registerType("Server", {
      ctor: ServerFacts,
      fields: { ...stringFields("name", "riskTier", "environment"), dataDomains: "list<string>" },
    })
    .registerType("Tool", { ctor: ToolFacts, fields: stringFields("name", "effect") })
    .registerVariable("agent", "string")
    .registerVariable("principal", "string")
    .registerVariable("task", "Task")
    .registerVariable("server", "Server")
    .registerVariable("tool", "Tool")
    .registerVariable("method", "string")
    .registerVariable("args", "dyn")
    .registerVariable("now", "google.protobuf.Timestamp")
    .registerConstant("dataDir", "string", dataDir)
    .registerFunction("string.isInside(string): bool", isInside, { async: false });
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

import { z } from "zod";
import { effects } from "../../collector/record/call-record.ts";
import { compilePatterns, fits, type Patterns } from "../policy/pattern.ts";

const globs = z.array(z.string().min(1).max(256)).max(256).default([]);

/** One limit of `limits.yaml`. What is counted together is named by `per`; a call must have room in every limit that fits it. */
export const limitSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "small letters, digits and . _ -, at most 64"),
    /** Which calls it is for: globs, an empty list fits all. */
    match: z
      .strictObject({ agents: globs, taskClasses: globs, servers: globs, tools: globs, effects: z.array(z.enum([...effects, "*"])).default([]) })
      .prefault({}),
    /** task: of calls that are in no task, those of one agent count together. tool: of one server. */
    per: z.enum(["agent", "task", "tool", "server"]),
    /** So many calls in so many seconds: at once, and after that as evenly as they come back. */
    rate: z.strictObject({ calls: z.int().min(1).max(1_000_000), seconds: z.number().positive().max(86_400) }).optional(),
    /** Calls under way at the same time. */
    concurrency: z.int().min(1).max(1_000_000).optional(),
    /** Told to the caller. */
    message: z.string().min(1).max(500).optional(),
  })
  .refine((limit) => limit.rate !== undefined || limit.concurrency !== undefined, "needs rate, concurrency or both");

export const limitsFileSchema = z.strictObject({ limits: z.array(limitSchema).max(1000).default([]) });

export type Limit = Readonly<z.infer<typeof limitSchema>>;

/** A call, as far as limits look at it. `tool` and `effect` are empty where it calls no tool. */
export interface LimitFacts {
  readonly agent: string;
  readonly taskId: string;
  readonly taskClass: string;
  readonly server: string;
  readonly tool: string;
  readonly effect: string;
  /** The task's own; absent, no bound. */
  readonly budget?: { readonly calls?: number | undefined; readonly writes?: number | undefined } | undefined;
}

/** The limits in force: replaced whole when the file changes, equal version for equal meaning. */
export interface LimitSet {
  readonly version: string;
  readonly limits: readonly CompiledLimit[];
}

export interface CompiledLimit {
  readonly limit: Limit;
  readonly agents: Patterns | null;
  readonly taskClasses: Patterns | null;
  readonly servers: Patterns | null;
  readonly tools: Patterns | null;
  readonly effects: Patterns | null;
}

export function compileLimit(limit: Limit): CompiledLimit {
  const { agents, taskClasses, servers, tools, effects } = limit.match;
  return {
    limit,
    agents: compilePatterns(agents),
    taskClasses: compilePatterns(taskClasses),
    servers: compilePatterns(servers),
    tools: compilePatterns(tools),
    effects: compilePatterns(effects),
  };
}

/** A limit per tool, or for some tools or effects, is for calls of tools alone. */
export function limitFits(compiled: CompiledLimit, facts: LimitFacts): boolean {
  if (facts.tool === "" && (compiled.limit.per === "tool" || compiled.tools || compiled.effects)) return false;
  return (
    within(compiled.agents, facts.agent) &&
    within(compiled.taskClasses, facts.taskClass) &&
    within(compiled.servers, facts.server) &&
    within(compiled.tools, facts.tool) &&
    within(compiled.effects, facts.effect)
  );
}

const within = (patterns: Patterns | null, value: string): boolean => patterns === null || fits(patterns, value);

/** What a call counts under in a limit; the same on every worker. */
export function limitKey({ limit }: CompiledLimit, facts: LimitFacts): string {
  switch (limit.per) {
    case "agent":
      return `${limit.id} a ${facts.agent}`;
    case "task":
      return facts.taskId === "" ? `${limit.id} a ${facts.agent}` : `${limit.id} t ${facts.taskId}`;
    case "tool":
      return `${limit.id} ${facts.server} ${facts.tool}`;
    case "server":
      return `${limit.id} s ${facts.server}`;
  }
}

import { z } from "zod";
import { effects, riskTiers } from "../../collector/record/call-record.ts";

const patterns = z.array(z.string().min(1)).default([]);

/**
 * What a rule is about. A list holds exact values or globs, whose `*` stands for any characters; one of its entries must
 * fit. An empty or absent list fits everything. `dataDomains` fits when one of the server's domains does.
 */
export const matchSchema = z.strictObject({
  agents: patterns,
  taskClasses: patterns,
  servers: patterns,
  tools: patterns,
  /** A rule is about tool calls unless it says otherwise. */
  methods: z.array(z.string().min(1)).min(1).default(["tools/call"]),
  effects: z.array(z.enum(effects)).default([]),
  riskTiers: z.array(z.enum(riskTiers)).default([]),
  dataDomains: patterns,
  environments: patterns,
  prompts: patterns,
  resources: patterns,
});

/** Names that begin so belong to Signalbox, so that a record's policy ids say where a rule came from. */
export const builtinPrefix = "builtin.";

export const ruleSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,127}$/, "lower-case letters, digits, dots, hyphens and underscores, at most 128")
    .refine((id) => !id.startsWith(builtinPrefix), `names that begin with ${builtinPrefix} are taken`),
  description: z.string().default(""),
  effect: z.enum(["allow", "deny", "hold"]),
  match: matchSchema.prefault({}),
  /** A CEL expression that must be true as well. */
  when: z.string().min(1).optional(),
  /** What the caller is told when this rule decides. */
  message: z.string().min(1).max(500).optional(),
});

export const policyFileSchema = z.strictObject({ rules: z.array(ruleSchema) });

export type Rule = Readonly<z.infer<typeof ruleSchema>>;
export type RuleMatch = Rule["match"];
export type Dimension = keyof RuleMatch;

export const dimensions = Object.keys(matchSchema.shape) as Dimension[];

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { findingSchema, severities } from "../analytics/findings/finding.ts";
import { locate } from "../collector/kernel/config.ts";
import { FileError, SignalboxError, type FileProblem } from "../collector/kernel/errors.ts";

/** What an alert may be grouped by and is identified with: facts that stay the same while a condition lasts. */
export const identityLabels = ["entity", "server", "tool", "agent", "task_class"] as const;

const text = (what: string) => z.string().trim().min(12, `say ${what} in a sentence`);

/** "2 of 3": windows that must breach, of how many evaluated ones. */
const nOfM = z
  .string()
  .regex(/^\d+ of \d+$/, 'write it as "2 of 3"')
  .transform((s) => {
    const [breaches, windows] = s.split(" of ").map(Number) as [number, number];
    return { breaches, windows };
  })
  .refine((v) => v.breaches >= 1 && v.breaches <= v.windows && v.windows <= 60, "between 1 of 1 and 60 of 60, the first at most the second");

/**
 * One rule file: which findings become alerts, when, and what a person is told to do. Keys are written as alert rules
 * elsewhere write them. Every text field is required, because an alert without it can't be acted on.
 */
export const ruleSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, "lower-case letters, digits and underscores, at most 63"),
    version: z.int().positive(),
    title: z.string().trim().min(1).max(80),
    description: text("what the rule looks for"),
    detector: findingSchema.shape.detector,
    /** The highest severity that an alert of this rule may have; the finding may ask for less. */
    severity: z.enum(severities),
    owner: z.string().trim().min(1),
    /** One notification per distinct set of these. */
    group_by: z.array(z.enum(identityLabels)).min(1),
    for: nOfM,
    /** Evaluated windows in a row without a breach until the alert is resolved. */
    recover: z.int().min(1).max(120),
    /** Only `keep` exists: a series that vanished has not recovered. Written out so that the reader of a rule knows. */
    no_data: z.literal("keep"),
    /** `none` where the entity itself is all there is to name, as with a producer whose records are missing. */
    contributors: z.enum(["required", "none"]).default("required"),
    min_score: z.number().default(0),
    /** Floors on the size of the effect; a score alone is not a reason to wake a person. */
    min_effect: z.strictObject({ absolute: z.number().nonnegative(), ratio: z.number().nonnegative() }),
    /** A URL, or a page beside the rules' folder that the console serves. */
    runbook: z.string().regex(/^(https?:\/\/\S+|runbooks\/[a-z0-9-]+\.md)$/, "a URL, or runbooks/<name>.md"),
    investigation_guide: text("where to look first"),
    false_positives: z.array(text("when this is harmless")).min(1),
    labels: z.record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "letters, digits and underscores"), z.string()).default({}),
  })
  .transform(({ group_by, no_data, min_score, min_effect, investigation_guide, false_positives, ...rest }) => ({
    ...rest,
    groupBy: group_by,
    noData: no_data,
    minScore: min_score,
    minEffect: min_effect,
    investigationGuide: investigation_guide,
    falsePositives: false_positives,
  }));

export type Rule = Readonly<z.infer<typeof ruleSchema>>;

/** Reads every `*.yaml` of a directory. One faulty file refuses them all: half of the rules is a silent gap. */
export function loadRules(dir: string): Rule[] {
  let names: string[];
  try {
    names = readdirSync(dir).filter((n) => n.endsWith(".yaml")).sort();
  } catch (cause) {
    throw new SignalboxError("E_RULES_MISSING", `no alert rules at ${dir}`, { remedy: "check alerts.rules", cause });
  }
  const rules: Rule[] = [];
  const problems: FileProblem[] = [];
  for (const name of names) {
    const parsed = parseRule(join(dir, name), readFileSync(join(dir, name), "utf8"));
    if ("problems" in parsed) problems.push(...parsed.problems);
    else if (rules.some((r) => r.id === parsed.rule.id)) {
      problems.push({ file: join(dir, name), line: 1, column: 1, message: `id: a second rule "${parsed.rule.id}"` });
    } else if (parsed.rule.runbook.startsWith("runbooks/") && !existsSync(join(dir, "..", parsed.rule.runbook))) {
      problems.push({ file: join(dir, name), line: 1, column: 1, message: `runbook: there is no ${parsed.rule.runbook}` });
    } else rules.push(parsed.rule);
  }
  if (problems.length > 0) throw new FileError(problems);
  return rules;
}

export function parseRule(file: string, source: string): { rule: Rule } | { problems: FileProblem[] } {
  const lines = new LineCounter();
  const doc = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  if (doc.errors.length > 0) {
    return {
      problems: doc.errors.map((e) => {
        const at = lines.linePos(e.pos[0]);
        return { file, line: at.line, column: at.col, message: e.message };
      }),
    };
  }
  const parsed = ruleSchema.safeParse(doc.toJS());
  if (parsed.success) return { rule: parsed.data };
  return { problems: parsed.error.issues.map((i) => locate(file, doc, lines, i.path, i.message)) };
}

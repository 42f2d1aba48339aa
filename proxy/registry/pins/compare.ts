import { compareSchemas } from "./compare-schema.ts";
import { canonicalText, definitionOf, type ToolDefinition } from "./definition.ts";
import { Differences, pointer, shown, type Difference } from "./differences.ts";
import { scoreNewTexts, type InstructionScorer } from "./texts.ts";

export type DefinitionChange = "first" | "same" | "compatible" | "breaking" | "vanished";

export interface DefinitionComparison {
  readonly change: DefinitionChange;
  readonly differences: readonly Difference[];
  /** 0 to 1: the worst score among the texts that are new. */
  readonly instructionScore: number;
  /** The score is at or above the threshold that holds for this change. */
  readonly instructions: boolean;
}

/** As the scan of collector/text is made: about one benign text in two hundred reaches it. */
export const INSTRUCTION_THRESHOLD = 0.5;
/**
 * For a tool that is seen for the first time. It is higher, because a description speaks to the agent by its nature: of 36
 * tools of the protocol's reference servers two reach 0.5 ("DEPRECATED: use read_text_file instead") and none 0.65, while
 * descriptions that are known for poisoning reach 0.85.
 */
export const FIRST_THRESHOLD = 0.8;

export interface CompareOptions {
  readonly score: InstructionScorer;
  /** From this score on a new text counts as instructions; INSTRUCTION_THRESHOLD where absent. */
  readonly threshold?: number;
  /** The same for a first sighting; FIRST_THRESHOLD where absent. */
  readonly firstThreshold?: number;
}

/**
 * Says what changed between two definitions of a tool; `undefined` is a tool that is not there. Compatible is what suits
 * whoever knew the old definition: another wording, an optional parameter more, a wider choice. A text that is new and
 * reads as instructions makes any change breaking.
 */
export function compareDefinitions(before: ToolDefinition | undefined, after: ToolDefinition | undefined, options: CompareOptions): DefinitionComparison {
  if (after === undefined) {
    return { change: before === undefined ? "same" : "vanished", differences: [], instructionScore: 0, instructions: false };
  }
  const instructionScore = scoreNewTexts(before && definitionOf(before), definitionOf(after), options.score);
  const { threshold = INSTRUCTION_THRESHOLD, firstThreshold = FIRST_THRESHOLD } = options;
  const instructions = instructionScore >= (before === undefined ? firstThreshold : threshold);
  const out = new Differences();
  if (before === undefined) {
    if (instructions) sayInstructions(out, instructionScore);
    return { change: "first", differences: out.done(), instructionScore, instructions };
  }
  if (canonicalText(before) === canonicalText(after)) return { change: "same", differences: [], instructionScore: 0, instructions: false };

  if (instructions) sayInstructions(out, instructionScore);
  if (before.name !== after.name) out.add("/name", "other", `${shown(before.name)} became ${shown(after.name)}`, true);
  for (const key of ["title", "description"] as const) {
    if (before[key] !== after[key]) out.add(`/${key}`, "text", `${shown(before[key])} became ${shown(after[key])}`, typeof after[key] === "object");
  }
  compareAnnotations(before.annotations, after.annotations, out);
  compareSchemas(before.inputSchema, after.inputSchema, { path: "/inputSchema", direction: "input" }, out);
  compareOutput(before.outputSchema, after.outputSchema, out);
  if (out.list.length === 0) out.add("", "other", "differs in a way that is not understood", true);
  return { change: out.breaking ? "breaking" : "compatible", differences: out.done(), instructionScore, instructions };
}

function sayInstructions(out: Differences, score: number): void {
  out.add("", "text", `new text reads as instructions to the agent (score ${score.toFixed(2)})`, true);
}

function compareOutput(before: unknown, after: unknown, out: Differences): void {
  if (before === undefined && after !== undefined) return out.add("/outputSchema", "added", "an output schema is given", false);
  if (before !== undefined && after === undefined) return out.add("/outputSchema", "removed", "no output schema any more", true);
  compareSchemas(before, after, { path: "/outputSchema", direction: "output" }, out);
}

/** What each effect hint means where it is absent, by the protocol. */
const effectHints: Readonly<Record<string, boolean>> = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true };

/** A changed effect is breaking either way: the rules were written for the effect that was claimed before. */
function compareAnnotations(before: unknown, after: unknown, out: Differences): void {
  const [old, now] = [asRecord(before), asRecord(after)];
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [was, is] = [old[key], now[key]];
    if (canonicalText(was) === canonicalText(is)) continue;
    const absent = Object.hasOwn(effectHints, key) ? effectHints[key] : undefined;
    const breaking = absent !== undefined && (was ?? absent) !== (is ?? absent);
    out.add(pointer("/annotations", key), absent === undefined ? "text" : "annotation", `${shown(was)} became ${shown(is)}`, breaking);
  }
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

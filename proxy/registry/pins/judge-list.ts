import type { ServerEntry } from "../server-entry.ts";
import { definitionAction, pinOf, stricter, type DefinitionAction } from "./action.ts";
import { compareDefinitions, type CompareOptions, type DefinitionComparison } from "./compare.ts";
import { canonicalDefinition, MAX_NAME_CHARS, parseDefinition, type PinnedText, type ToolDefinition } from "./definition.ts";
import { waiting, type KnownTool, type KnownTools } from "./known-tools.ts";

export interface ToolSeenEvent {
  readonly kind: "tool.seen";
  readonly server: string;
  readonly version: string;
  readonly tool: string;
  /** Empty for a definition that is too large to have one. */
  readonly hash: string;
  readonly definition: string;
  readonly change: "first" | "compatible" | "breaking" | "vanished";
  /** `/path kind: text`, one line each. */
  readonly differences: readonly string[];
  readonly instructionScore: number;
  readonly action: DefinitionAction;
}

export interface JudgeListOptions extends CompareOptions {
  /** The list has all of the server's tools: neither the request nor the result had a cursor. Only then can one have vanished. */
  readonly complete: boolean;
  /** Where the proxy stands. */
  readonly environment?: string;
  /** The version that answered, where it is not the entry's own. */
  readonly version?: string;
  /** The definitions that were pinned, by tool, from `definitions/<server>.json`. */
  readonly pinned?: ReadonlyMap<string, ToolDefinition>;
}

export interface JudgedList<T> {
  /** One for each tool that is new, changed or gone; empty where everything is as it was. */
  readonly events: readonly ToolSeenEvent[];
  /** What the caller may see: the very objects of the list, or the list itself where nothing was taken out. */
  readonly tools: readonly T[];
  /** Names of the tools that were taken out because their definition is held or blocked. */
  readonly withheld: readonly string[];
  /** Entries that are no tools, or repeat a name: taken out and not recorded. */
  readonly dropped: number;
}

export const MAX_TOOLS = 2000;
/** Names of one server that are remembered. One that makes up new names for every list gets no further ones seen. */
export const MAX_KNOWN = 5000;
const MAX_LINE_CHARS = 300;

/** What a definition is judged by. */
interface Judgement extends DefinitionComparison {
  readonly action: DefinitionAction;
  /** Nothing changed since this was last seen. */
  readonly known: boolean;
}

/**
 * Judges a tools/list result before anyone sees it: what is new, changed or gone, and which tools the caller gets. Tools
 * beyond MAX_TOOLS are dropped. A server in observe mode keeps all its tools; the events say what would have been done.
 */
export function judgeToolList<T>(entry: ServerEntry, tools: readonly T[], known: KnownTools, options: JudgeListOptions): JudgedList<T> {
  const before = known.get(entry.name) ?? new Map<string, KnownTool>();
  const events: ToolSeenEvent[] = [];
  const allowed: T[] = [];
  const withheld: string[] = [];
  const names = new Set<string>();
  for (const tool of tools) {
    const name = toolName(tool);
    if (name === undefined || names.has(name) || names.size >= MAX_TOOLS) continue;
    names.add(name);
    if (!before.has(name) && before.size + events.length >= MAX_KNOWN) {
      withheld.push(name);
      continue;
    }
    const found = canonicalDefinition(tool as object);
    const judged = judge(entry, name, found, before.get(name), options);
    if (!judged.known) events.push(seenEvent(entry, name, found, judged, options));
    if (judged.action === "pass" || entry.mode === "observe") allowed.push(tool);
    else withheld.push(name);
  }
  if (options.complete) events.push(...vanished(entry, names, before, options));
  const dropped = tools.length - allowed.length - withheld.length;
  return { events, tools: allowed.length === tools.length ? tools : allowed, withheld, dropped };
}

function judge(entry: ServerEntry, tool: string, found: PinnedText | undefined, known: KnownTool | undefined, options: JudgeListOptions): Judgement {
  if (!found) return oversized(entry, known, options);
  const pin = pinOf(entry, tool);
  // The registry's pin comes before what was accepted while running: git is the source.
  const accepted = pin === undefined ? known?.approvedHash === found.hash : pin === found.hash;
  const asBefore = known !== undefined && known.hash === found.hash && known.state !== "vanished";
  if (asBefore && accepted && known.state === "usable") return asSeen("pass");
  if (asBefore && !accepted && waiting(known)) return asSeen(actionOf(known));
  if (accepted) {
    const comparison = compareDefinitions(known && parseDefinition(known.definition), found.definition, options);
    return { ...comparison, action: "pass", known: false };
  }
  const comparison = compareWithAccepted(pin, found, known, options);
  let action = definitionAction(entry, entry.riskTier, comparison, options.environment);
  // What follows a change that waits for a person waits with it: without a pin nobody has accepted what it is compared with.
  if (pin === undefined && known && waiting(known)) action = stricter(action, actionOf(known));
  return { ...comparison, action, known: asBefore && actionOf(known) === action };
}

function asSeen(action: DefinitionAction): Judgement {
  return { change: "same", differences: [], instructionScore: 0, instructions: false, action, known: true };
}

/** The definition that was accepted is the pinned one where there is a pin, and else the one that was last in force. */
function compareWithAccepted(pin: string | undefined, found: PinnedText, known: KnownTool | undefined, options: JudgeListOptions): DefinitionComparison {
  const baseline = pin === undefined ? acceptedOf(known) : pinnedDefinition(pin, found.definition.name, known, options);
  if (baseline) return compareDefinitions(baseline, found.definition, options);
  if (pin === undefined && known === undefined) return compareDefinitions(undefined, found.definition, options);
  // Something was accepted once, but what it said is not at hand: only a person can tell what this change does.
  const first = compareDefinitions(undefined, found.definition, options);
  const what = pin === undefined ? "not the definition that was accepted" : "not the definition that is pinned";
  return { ...first, change: "breaking", differences: [...first.differences, { path: "", kind: "other", text: what }] };
}

function pinnedDefinition(pin: string, tool: string, known: KnownTool | undefined, options: JudgeListOptions): ToolDefinition | undefined {
  const pinned = options.pinned?.get(tool);
  // The file beside the registry is only believed where it is what the registry pins.
  if (pinned && canonicalDefinition(pinned)?.hash === pin) return pinned;
  return known?.hash === pin ? parseDefinition(known.definition) : undefined;
}

const acceptedOf = (known: KnownTool | undefined): ToolDefinition | undefined =>
  known && known.hash === known.approvedHash ? parseDefinition(known.definition) : undefined;

const actionOf = (known: KnownTool): DefinitionAction => (known.state === "held" ? "hold" : known.state === "blocked" ? "block" : "pass");

function oversized(entry: ServerEntry, known: KnownTool | undefined, options: JudgeListOptions): Judgement {
  const change = known ? "breaking" : "first";
  const action = stricter("hold", definitionAction(entry, entry.riskTier, { change: "breaking", instructions: false }, options.environment));
  const differences = [{ path: "", kind: "other", text: "the definition is too large or too deep to be judged" }] as const;
  return { change, differences, instructionScore: 0, instructions: false, action, known: known !== undefined && known.hash === "" && actionOf(known) === action };
}

function vanished(entry: ServerEntry, names: ReadonlySet<string>, before: ReadonlyMap<string, KnownTool>, options: JudgeListOptions): ToolSeenEvent[] {
  const gone = [...before].filter(([tool, known]) => !names.has(tool) && known.state !== "vanished");
  return gone.map(([tool, known]) => ({
    kind: "tool.seen",
    server: entry.name,
    version: options.version ?? entry.version,
    tool,
    hash: known.hash,
    // Kept, so that a tool that comes back is compared with what it was.
    definition: known.definition,
    change: "vanished",
    differences: [],
    instructionScore: 0,
    action: "pass",
  }));
}

function seenEvent(entry: ServerEntry, tool: string, found: PinnedText | undefined, judged: Judgement, options: JudgeListOptions): ToolSeenEvent {
  const lines = judged.differences.map((d) => `${d.path} ${d.kind}: ${d.text}`.trim().slice(0, MAX_LINE_CHARS));
  return {
    kind: "tool.seen",
    server: entry.name,
    version: options.version ?? entry.version,
    tool,
    hash: found?.hash ?? "",
    definition: found?.text ?? "",
    change: judged.change === "same" ? "compatible" : judged.change,
    differences: judged.change === "same" ? ["it is again what was accepted"] : lines,
    instructionScore: judged.instructionScore,
    action: judged.action,
  };
}

function toolName(tool: unknown): string | undefined {
  if (typeof tool !== "object" || tool === null) return undefined;
  const { name } = tool as { name?: unknown };
  return typeof name === "string" && name !== "" && name.length <= MAX_NAME_CHARS ? name : undefined;
}

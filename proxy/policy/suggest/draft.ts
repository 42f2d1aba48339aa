import { Document, YAMLSeq, type YAMLMap } from "yaml";
import { showable } from "../../../collector/sql/terminal.ts";
import type { Suggestion, Suggestions } from "./group.ts";
import type { UncoveredCalls } from "./uncovered.ts";

/** The name of a rule is made of names that may hold anything. */
const MAX_ID = 110;

export interface DraftWindow {
  readonly from: string;
  readonly to: string;
  /** The rows were cut off. */
  readonly incomplete: boolean;
}

/**
 * Rules as YAML, for a person to read, narrow and keep: nothing of it is in force. What destroys is drafted as a hold, and
 * everything else as an allow.
 */
export function draftRules({ rules, leftOut }: Suggestions, observed: readonly UncoveredCalls[], window: DraftWindow): string {
  const doc = new Document({ rules: [] });
  const list = new YAMLSeq();
  const taken = new Set<string>();
  for (const suggestion of rules) {
    const node = doc.createNode(ruleOf(suggestion, taken)) as YAMLMap;
    (node.get("match") as YAMLMap).items.forEach(({ value }) => ((value as YAMLSeq).flow = true));
    node.commentBefore = comment([about(suggestion), ...(suggestion.observed ? ["The server is only observed: these calls went through."] : [])]);
    node.spaceBefore = list.items.length > 0;
    list.add(node);
  }
  doc.set("rules", list);
  doc.commentBefore = comment(heading({ rules, leftOut }, window));
  const after = [...refused(observed)];
  if (after.length > 0) doc.comment = comment(after);
  return doc.toString({ lineWidth: 0, flowCollectionPadding: false, blockQuote: false });
}

function ruleOf({ server, agents, taskClasses, methods, effect, tools, prompts, resources }: Suggestion, taken: Set<string>): object {
  const tool = methods[0] === "tools/call";
  const match = {
    agents,
    ...(taskClasses.length > 0 ? { taskClasses } : {}),
    servers: [server],
    ...(tool ? { tools } : { methods }),
    ...(prompts.length > 0 ? { prompts } : {}),
    ...(resources.length > 0 ? { resources } : {}),
  };
  const what = tool ? effect : methods[0]!;
  return { id: idOf([server, agents.length === 1 ? agents[0]! : "several", what], taken), effect: effect === "destructive" ? "hold" : "allow", match };
}

function idOf(parts: readonly string[], taken: Set<string>): string {
  const base = `suggested.${parts.map((part) => part.toLowerCase().replace(/[^a-z0-9_-]+/g, "-")).join(".")}`.slice(0, MAX_ID);
  let id = base;
  for (let n = 2; taken.has(id); n++) id = `${base}-${n}`;
  taken.add(id);
  return id;
}

function about({ calls, agents, first, last }: Suggestion): string {
  return `${calls} ${calls === 1 ? "call" : "calls"} by ${agents.join(", ")}, first ${first.slice(0, 19)}Z, last ${last.slice(0, 19)}Z`;
}

function heading({ rules, leftOut }: Suggestions, { from, to, incomplete }: DraftWindow): string[] {
  return [
    `Drafts for calls that no rule covered, from ${from} to ${to}. Read each one: that a call was made does not make it right.`,
    "Agents, tools and kinds of task are those that were seen; arguments are not recorded, so conditions on them are yours to add.",
    ...(rules.length === 0 ? ["There was no such call that a rule could cover."] : []),
    ...leftOut.map(({ why, calls }) => `No rule is drafted for ${calls} of the calls: ${why}.`),
    ...(incomplete ? ["There was more than is shown: ask for fewer days."] : []),
  ];
}

/** What rules would have denied on servers that are only observed: an allow does not help against a deny. */
function* refused(observed: readonly UncoveredCalls[]): Iterable<string> {
  const rows = observed.filter((row) => row.kind !== "uncovered");
  if (rows.length === 0) return;
  yield "Servers that are only observed had calls that enforcement would deny by a rule. Narrow the rule, or mean it:";
  for (const { kind, rules, agent, server, tool, method, calls, first, last } of rows) {
    const how = kind === "failed" ? "could not be evaluated for" : "would deny";
    yield `  ${rules.join(", ")} ${how} ${calls} calls of ${server}/${tool || method} by ${agent}, first ${first.slice(0, 19)}Z, last ${last.slice(0, 19)}Z`;
  }
}

/** Names in comments come from callers: a line break in one would end the comment and begin a rule. */
const comment = (lines: readonly string[]): string => lines.map((line) => ` ${showable(line.replace(/[\r\n\u0085\u2028\u2029]/g, "\ufffd"))}`).join("\n");

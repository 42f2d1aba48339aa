import { isMap, isScalar, parseDocument, type Document, type Pair, type YAMLMap } from "yaml";
import { canonicalJson } from "../digest.ts";
import { serverEntrySchema } from "../server-entry.ts";

/**
 * The text of a server's file with these pins in it. What a person wrote stays as it was written, comments and layout too:
 * the pins are put into the text at the places that the YAML document names. A tool that the file does not list is added
 * with the facts that the proxy takes an unlisted tool for, so that pinning it does not make it less dangerous. Where the
 * file is written so that this fails (an alias, a tool with a value of another kind), the whole document is written anew.
 */
export function withPins(text: string, pins: ReadonlyMap<string, string>): string {
  let out = text;
  for (const [tool, pin] of pins) out = withPin(out, tool, pin);
  return out;
}

function withPin(text: string, tool: string, pin: string): string {
  const doc = parseDocument(text);
  const spliced = splice(text, doc, tool, pin);
  if (spliced !== undefined && hasPin(spliced, doc, tool, pin)) return spliced;
  const path = ["tools", tool];
  if (!isMap(doc.get("tools"))) doc.set("tools", doc.createNode({}));
  if (isMap(doc.getIn(path))) doc.setIn([...path, "pin"], pin);
  else doc.setIn(path, doc.createNode({ ...unlisted, pin }));
  return doc.toString({ lineWidth: 0 });
}

const unlisted = { effect: "destructive", trusted: false };

function splice(text: string, doc: Document, tool: string, pin: string): string | undefined {
  const insert = (at: number, what: string, until = at): string => text.slice(0, at) + what + text.slice(until);
  const tools = doc.get("tools", true);
  const added = `${key(tool)}: { effect: destructive, trusted: false, pin: "${pin}" }`;
  if (tools === undefined) return `${text}${text.endsWith("\n") ? "" : "\n"}tools:\n  ${added}\n`;
  if (!isMap(tools)) return undefined;

  const pair = pairOf(tools, tool);
  if (pair === undefined) return addFirst(tools, insert, added);
  const node = pair.value;
  if (!isMap(node)) return undefined;
  const old = pairOf(node, "pin")?.value;
  if (isScalar(old) && old.range) return insert(old.range[0], `"${pin}"`, old.range[1]);
  if (old !== undefined) return undefined;
  return node.flow ? addLast(text, node, insert, `pin: "${pin}"`) : addFirst(node, insert, `pin: "${pin}"`);
}

type Insert = (at: number, what: string, until?: number) => string;

/** Before the first member: there the indentation is known, and no comment ends. */
function addFirst(map: YAMLMap, insert: Insert, what: string): string | undefined {
  const start = nodeStart(map);
  if (start === undefined) return map.flow && map.range ? insert(map.range[0], `{ ${what} }`, map.range[1]) : undefined;
  if (map.flow) return insert(start, `${what}, `);
  const column = columnOf(insert(0, ""), start);
  return insert(start, `${what}\n${" ".repeat(column)}`);
}

/** Before the closing brace. */
function addLast(text: string, map: YAMLMap, insert: Insert, what: string): string | undefined {
  if (!map.range) return undefined;
  const brace = map.range[1] - 1;
  if (text[brace] !== "}") return undefined;
  if (map.items.length === 0) return insert(map.range[0], `{ ${what} }`, map.range[1]);
  const end = text.slice(0, brace).trimEnd().length;
  return insert(end, text[end - 1] === "," ? ` ${what}` : `, ${what}`);
}

function nodeStart(map: YAMLMap): number | undefined {
  const first = map.items[0]?.key;
  return isScalar(first) ? first.range?.[0] : undefined;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find((item) => isScalar(item.key) && item.key.value === name);
}

/** The name as a YAML key; in quotes unless it is plainly a word. */
const key = (tool: string): string => (/^[A-Za-z_][\w-]*$/.test(tool) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(tool) ? tool : JSON.stringify(tool));

/** Exactly this pin was added and nothing else changed. */
function hasPin(text: string, before: Document, tool: string, pin: string): boolean {
  const doc = parseDocument(text);
  if (doc.errors.length > 0) return false;
  const now = doc.toJS() as { tools?: Record<string, { pin?: string }> };
  const expected = (before.toJS() ?? {}) as { tools?: Record<string, object> };
  const tools = expected.tools ?? {};
  const listed = Object.hasOwn(tools, tool) ? tools[tool] : unlisted;
  const wanted = { ...expected, tools: { ...tools, [tool]: { ...listed, pin } } };
  return canonicalJson(now) === canonicalJson(wanted) && serverEntrySchema.safeParse(now).success;
}


import type { YamlFile } from "../registry/yaml-file.ts";

/**
 * Where in the file a character of a scalar stands. YAML may have folded, indented or escaped it, but it changes only
 * white space and escapes: so the place is found by counting the characters that are neither.
 */
export function positionInScalar(yaml: YamlFile, path: readonly PropertyKey[], offset: number): { line: number; column: number } {
  const node = yaml.scalar(path);
  if (!node?.range || typeof node.value !== "string") return { line: 1, column: 1 };
  const [start, end] = node.range;
  let at = start;
  if (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED") at = yaml.text.indexOf("\n", start) + 1;
  else if (node.type === "QUOTE_SINGLE" || node.type === "QUOTE_DOUBLE") at = start + 1;

  const wanted = node.value.slice(0, offset).replace(/\s/g, "").length;
  for (let seen = 0; at < end; seen++) {
    while (at < end && /\s/.test(yaml.text[at]!)) at++;
    if (seen === wanted) break;
    at += isEscape(node.type, yaml.text, at) ? 2 : 1;
  }
  return yaml.positionOf(Math.min(at, Math.max(start, end - 1)));
}

function isEscape(type: string | undefined, text: string, at: number): boolean {
  if (type === "QUOTE_DOUBLE") return text[at] === "\\";
  return type === "QUOTE_SINGLE" && text[at] === "'" && text[at + 1] === "'";
}

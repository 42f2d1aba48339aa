import { visible } from "../alerts/index.ts";
import type { Explanation } from "./explain.ts";

/** An explanation as lines for a terminal: the sentences, then the rules and the server's entry as they stood. */
export function explanationLines(e: Explanation): string[] {
  const lines = e.words.map(visible);
  for (const rule of e.decision.rules) lines.push(...block(`Rule ${rule.id}, policy version ${e.decision.policyVersion}:`, rule.text));
  lines.push(...block(`The registry's entry of ${String(e.call.server ?? "")}, revision ${e.registry.revision}:`, e.registry.text));
  return lines;
}

function block(heading: string, text: string): string[] {
  if (text === "") return [];
  return ["", visible(heading), ...text.trimEnd().split("\n").map((line) => `  ${visible(line)}`)];
}

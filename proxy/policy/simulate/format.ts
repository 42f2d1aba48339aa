import { showable } from "../../../collector/sql/terminal.ts";
import type { Simulation } from "./simulate.ts";

/** Rows of cells, the heading first; names come from callers and are shown without control characters. */
export function changeRows({ changes }: Simulation): string[][] {
  const heading = ["agent", "task class", "server", "tool", "was", "would be", "by", "calls", "example"];
  return [
    heading,
    ...changes.map((c) =>
      [c.agent, c.taskClass || "-", c.server, c.tool, c.was, c.wouldBe, c.rules.join(", ") || "default", String(c.calls), c.example].map(showable),
    ),
  ];
}

/** What else there is to say, a sentence a line. */
export function summaryLines(s: Simulation): string[] {
  const lines = [`${s.calls} calls from ${s.from} to ${s.to}: ${s.changed} would be decided otherwise, ${s.unchanged} as before, ${s.unknown} unknown.`];
  if (s.unknown > 0) {
    lines.push("Unknown are calls whose answer depends on what no record holds, such as the values of arguments. By rule:");
    for (const { rule, calls } of s.unknownByRule) lines.push(`  ${rule}: ${calls}`);
  }
  if (s.leftOut.length > 0) {
    const parts = s.leftOut.map(({ why, calls }) => `${showable(why)} ${calls}`);
    lines.push(`Not replayed, since rules did not settle them: ${parts.join(", ")}.`);
  }
  if (s.incomplete) lines.push("There was more than is shown: ask for a shorter time.");
  return lines;
}

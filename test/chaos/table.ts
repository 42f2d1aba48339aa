import { holds, type Row } from "./run-fault.ts";

const head = ["Fault", "answered", "refused", "no answer", "lost", "duplicated", "gap reported", "recovery s"];

/** As Markdown, so that it can be put into a page as it is. */
export function table(rows: readonly Row[]): string[] {
  const cells = rows.map((row) =>
    row.skipped === null
      ? [row.what, row.answered, row.refused, row.failed, row.lost, row.duplicated, row.named === "" ? row.gaps : row.named, row.recoverySeconds.toFixed(1)]
      : [row.what, "", "", "", "", "", `not run: ${row.skipped}`, ""],
  );
  const lines = [head, head.map(() => "---"), ...cells].map((line) => `| ${line.join(" | ")} |`);
  const problems = rows.filter((row) => row.skipped === null && !holds(row)).flatMap((row) => row.problems.map((problem) => `FAIL  ${row.fault}: ${problem}`));
  return [...lines, ...problems];
}

import { createHash } from "node:crypto";
import type { LabelledText } from "./data.ts";

/** A fold trains on what `unseen` is false for, and scores what `test` is true for. */
export interface TextFold {
  test(row: LabelledText): boolean;
  unseen(row: LabelledText): boolean;
}

const count = 5;

/**
 * Nothing that is scored was trained on in any form: not the goal or kind of attack (whatever wraps it), not the tool or
 * document that holds it, not the benign source. This is how the benchmarks split, and how the product is judged.
 */
export function foldsByGoal(): TextFold[] {
  return Array.from({ length: count }, (_, k) => ({
    test: (row) => (row.label === "injection" ? goalFold(row) === k : sourceFold(row) === k),
    unseen: (row) => (row.label === "injection" ? goalFold(row) === k || (row.source !== "bipia" && sourceFold(row) === k) : sourceFold(row) === k),
  }));
}

/** The hardest split: one whole benchmark or family of attacks is left out, with a quarter of the benign sources. */
export function foldsByFamily(): TextFold[] {
  const families = ["injecagent", "bipia text_attack", "bipia code_attack", "agentdojo"];
  const familyOf = (row: LabelledText): string => (row.source === "bipia" ? `bipia ${row.family}` : row.source);
  const benignFold = (row: LabelledText): number => bucket(families.length, "families", row.source, row.source === "docs" ? row.context.split("/")[0]! : row.source === "notinject" ? "" : row.context);
  return families.map((family, k) => {
    const left = (row: LabelledText): boolean => (row.label === "injection" ? familyOf(row) === family : benignFold(row) === k);
    return { test: left, unseen: left };
  });
}

function goalFold(row: LabelledText): number {
  const goal = row.source === "bipia" ? row.attack_type! : row.text.slice(...row.span!).replace(/^IMPORTANT!!! .*?instruction: /, "");
  return bucket(count, "goals", goal);
}

function sourceFold(row: LabelledText): number {
  return bucket(count, "sources", row.source, row.source === "docs" ? row.context.split("/").slice(0, 2).join("/") : row.context);
}

function bucket(n: number, ...parts: string[]): number {
  const hex = createHash("sha256").update(parts.join("\x1f")).digest("hex").slice(0, 12);
  return Number(BigInt(`0x${hex}`) % BigInt(n));
}

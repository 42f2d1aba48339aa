import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { draftEntry } from "./draft.ts";
import { targetKey } from "./leads-to.ts";
import type { InventoryItem } from "./take-inventory.ts";

/** What became of one server that is not registered. */
export interface Proposal {
  readonly name: string;
  readonly leadsTo: string;
  /** Absent where there can be no draft. */
  readonly file?: string;
  readonly state: "written" | "kept" | "impossible";
  /** For `impossible`. */
  readonly why?: string;
}

/**
 * Writes a draft for each server that is not registered and is not asked for at the proxy already: one file for one server,
 * however many clients have it. A file that is there stays as it is.
 */
export function propose(directory: string, items: readonly InventoryItem[], taken: ReadonlySet<string>): Proposal[] {
  mkdirSync(directory, { recursive: true });
  const names = new Set(taken);
  return [...groups(items).values()].map((group) => {
    const [first] = group as [InventoryItem];
    const { leadsTo } = first.found;
    const name = freeName(first.found.name, names);
    const draft = draftEntry(name, first, group.map((item) => item.found));
    if (!draft.ok) return { name: first.found.name, leadsTo, state: "impossible", why: draft.why };
    names.add(name);
    const file = join(directory, `${name}.yaml`);
    return { name, leadsTo, file, state: writeNew(file, draft.text) ? "written" : "kept" };
  });
}

/** By where they lead; one whose place is not known is alone. */
function groups(items: readonly InventoryItem[]): Map<string, InventoryItem[]> {
  const found = new Map<string, InventoryItem[]>();
  for (const item of items) {
    const { target, registeredAs, throughProxy, file, line } = item.found;
    if (registeredAs.length > 0 || throughProxy) continue;
    const key = targetKey(target, item.raw) || `${file}:${line}`;
    found.set(key, [...(found.get(key) ?? []), item]);
  }
  return found;
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  const name = wanted.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 58).replace(/-$/, "") || "server";
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    if (!taken.has(candidate)) return candidate;
  }
}

function writeNew(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

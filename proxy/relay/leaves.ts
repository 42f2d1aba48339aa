import type { ArgumentLeaf } from "../../collector/record/call-record.ts";
import type { Digester } from "./digest.ts";

const MAX_LEAVES = 256;
const MAX_PATH = 512;
const none: ArgumentLeaf[] = [];

/**
 * Every scalar of a call's arguments (and every empty object and list) as its place and a keyed digest. Values are
 * digested in their JSON spelling, so that `5` and `"5"` differ. What lies beyond 256 leaves is left out: the digest of
 * a record must not cost what a caller chooses.
 */
export function argumentLeaves(args: unknown, digester: Digester): ArgumentLeaf[] {
  if (args === undefined || args === null) return none;
  const leaves: ArgumentLeaf[] = [];
  visit(args, "", leaves, digester);
  return leaves;
}

function visit(value: unknown, path: string, leaves: ArgumentLeaf[], digester: Digester): void {
  if (leaves.length >= MAX_LEAVES) return;
  if (typeof value === "object" && value !== null) {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, `${path}/*`, leaves, digester);
      if (value.length > 0) return;
    } else {
      let empty = true;
      for (const key in value) {
        empty = false;
        visit((value as Record<string, unknown>)[key], `${path}/${escapeToken(key)}`, leaves, digester);
      }
      if (!empty) return;
    }
  }
  if (path === "") return;
  leaves.push({ path: path.length > MAX_PATH ? path.slice(0, MAX_PATH) : path, digest: digester.text(spelling(value)), flowFromSeq: null, flowScore: 0 });
}

/** RFC 6901, and a key that is itself `*` is told apart from a list's entries. */
function escapeToken(key: string): string {
  if (key === "*") return "~2";
  return key.includes("~") || key.includes("/") ? key.replaceAll("~", "~0").replaceAll("/", "~1") : key;
}

const spelling = (value: unknown): string => (typeof value === "bigint" ? String(value) : JSON.stringify(value));

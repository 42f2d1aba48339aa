import { nullDigest, type ArgumentLeaf } from "../../collector/record/call-record.ts";
import type { Digester } from "./digest.ts";

const MAX_LEAVES = 256;
const MAX_PATH = 512;
const none: ArgumentLeaf[] = [];

/**
 * Told of every leaf once it is digested, to fill in where its value came from. Also told of the names of fields and of
 * what lies beyond the 256 leaves, which have no leaf: nothing in a call is out of its sight.
 */
export type LeafOrigin = (value: unknown, leaf: ArgumentLeaf | null) => void;

/**
 * Every scalar of a call's arguments (and every empty object and list) as its place and a keyed digest. Values are
 * digested in their JSON spelling, so that `5` and `"5"` differ. What lies beyond 256 leaves is left out: the digest of
 * a record must not cost what a caller chooses.
 */
export function argumentLeaves(args: unknown, digester: Digester, origin: LeafOrigin | null = null): ArgumentLeaf[] {
  if (args === undefined || args === null) return none;
  const leaves: ArgumentLeaf[] = [];
  visit(args, "", leaves, digester, origin);
  return leaves;
}

function visit(value: unknown, path: string, leaves: ArgumentLeaf[], digester: Digester, origin: LeafOrigin | null): void {
  if (leaves.length >= MAX_LEAVES && origin === null) return;
  if (typeof value === "object" && value !== null) {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, `${path}/*`, leaves, digester, origin);
      if (value.length > 0) return;
    } else {
      let empty = true;
      for (const key in value) {
        empty = false;
        if (origin !== null) origin(key, null);
        visit((value as Record<string, unknown>)[key], `${path}/${escapeToken(key)}`, leaves, digester, origin);
      }
      if (!empty) return;
    }
  }
  if (path === "") return;
  if (leaves.length >= MAX_LEAVES) return origin!(value, null);
  const leaf: ArgumentLeaf = { path: path.length > MAX_PATH ? path.slice(0, MAX_PATH) : path, digest: value === null ? nullDigest : digester.text(spelling(value)), flowFromSeq: null, flowScore: 0 };
  leaves.push(leaf);
  if (origin !== null) origin(value, leaf);
}

/** RFC 6901, and a key that is itself `*` is told apart from a list's entries. */
function escapeToken(key: string): string {
  if (key === "*") return "~2";
  return key.includes("~") || key.includes("/") ? key.replaceAll("~", "~0").replaceAll("/", "~1") : key;
}

const spelling = (value: unknown): string => (typeof value === "bigint" ? String(value) : JSON.stringify(value));

import { resolve, sep } from "node:path";

/**
 * Whether a path, taken relative to `directory` where it is not absolute, stays inside it. For rules, because the obvious
 * `startsWith` lets `/data/sandbox-other` and `/data/sandbox/../keys` through. Links are not followed: the server that
 * opens the file must do that. `~` is outside, since servers expand it.
 */
export function isInside(path: string, directory: string): boolean {
  if (path.startsWith("~") || path.includes("\0")) return false;
  const root = resolve(directory);
  const target = resolve(root, path);
  return target === root || target.startsWith(root.endsWith(sep) ? root : root + sep);
}

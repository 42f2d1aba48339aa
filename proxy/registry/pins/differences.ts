import { showable } from "../../../collector/sql/terminal.ts";

export type DifferenceKind = "added" | "removed" | "required" | "optional" | "narrowed" | "widened" | "text" | "annotation" | "other";

/** One thing that is not as it was. `text` is for people: one line, bounded, and nothing in it that a terminal would obey. */
export interface Difference {
  /** JSON Pointer into the definition. */
  readonly path: string;
  readonly kind: DifferenceKind;
  readonly text: string;
}

export const MAX_DIFFERENCES = 40;
const MAX_PATH_CHARS = 100;
const MAX_VALUE_CHARS = 60;

/** Collects what differs, and whether any of it can break a caller: that holds also for what is beyond the bound. */
export class Differences {
  readonly list: Difference[] = [];
  breaking = false;
  #left = 0;

  add(path: string, kind: DifferenceKind, text: string, breaking: boolean): void {
    if (breaking) this.breaking = true;
    if (this.list.length < MAX_DIFFERENCES) this.list.push({ path: shortened(path, MAX_PATH_CHARS), kind, text });
    else this.#left += 1;
  }

  /** The list, whose last entry says how much more there is. */
  done(): readonly Difference[] {
    return this.#left === 0 ? this.list : [...this.list, { path: "", kind: "other", text: `and ${this.#left} more` }];
  }
}

export function pointer(path: string, key: string): string {
  return `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** A value as a short line: text in quotes, all else as JSON. */
export function shown(value: unknown): string {
  if (value === undefined) return "absent";
  if (typeof value === "string") return `"${shortened(value, MAX_VALUE_CHARS)}"`;
  if (Array.isArray(value)) return `[${shortened(value.slice(0, 16).map(brief).join(", "), MAX_VALUE_CHARS)}]`;
  return brief(value);
}

const brief = (value: unknown): string =>
  typeof value === "object" && value !== null ? (Array.isArray(value) ? "[...]" : "{...}") : shortened(String(value), MAX_VALUE_CHARS);

function shortened(text: string, max: number): string {
  const line = showable(text.slice(0, max + 1).replaceAll(/\s+/g, " "));
  return line.length > max ? `${line.slice(0, max)}...` : line;
}

/**
 * Values as text the way the Collector's pdata prints them (`AsString`): scalars plainly, arrays and maps as the JSON that
 * Go's encoder makes of them without HTML escapes. The empty string stands for "this can't be JSON" (a NaN inside an
 * array), which pdata stores as the empty string too.
 */

/** Go and ECMAScript agree on a double's digits and exponents, but not on negative zero and what is not finite. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return "json: unsupported value: NaN";
  if (value === Infinity) return "json: unsupported value: +Inf";
  if (value === -Infinity) return "json: unsupported value: -Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

export function doubleJson(value: number): string {
  return Number.isFinite(value) ? doubleText(value) : "";
}

export function stringJson(value: string): string {
  const text = JSON.stringify(value.isWellFormed() ? value : value.toWellFormed());
  return /[\u2028\u2029]/.test(text) ? text.replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029") : text;
}

export function arrayJson(items: readonly string[]): string {
  return items.includes("") ? "" : `[${items.join(",")}]`;
}

/** Keys are sorted; of a key that comes twice the last value counts. */
export function mapJson(entries: ReadonlyMap<string, string>): string {
  const parts: string[] = [];
  for (const key of [...entries.keys()].sort()) {
    const value = entries.get(key);
    if (value === undefined || value === "") return "";
    parts.push(`${stringJson(key)}:${value}`);
  }
  return `{${parts.join(",")}}`;
}

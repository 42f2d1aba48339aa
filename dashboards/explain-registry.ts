import { stringify } from "yaml";

/** A server's entry as it stood at a revision, in YAML; empty where only some columns of it were kept. */
export function entryText(row: Readonly<Record<string, unknown>> | undefined): string {
  const kept = row?.entry;
  if (typeof kept !== "string" || kept === "") return "";
  try {
    const entry: unknown = JSON.parse(kept);
    return typeof entry === "object" && entry !== null ? stringify(entry, { lineWidth: 100 }) : "";
  } catch {
    return "";
  }
}

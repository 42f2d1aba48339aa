import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { parseSql, type SqlFile } from "../../collector/store/sql-file.ts";

/** One leadership number: what a report prints under it, and the SQL that gives it. */
export interface MetricDefinition {
  id: string;
  version: string;
  title: string;
  unit: string;
  /** The definition in words. */
  text: string;
  sql: string;
  /** Of the whole file: a definition that changed without a new version shows. */
  sqlSha256: string;
  file: SqlFile;
}

/** Reads a definition from the header of its file: `-- key: text`, continued by lines that are indented. */
export function readDefinition(url: URL): MetricDefinition {
  const source = readFileSync(url, "utf8").replace(/\r\n/g, "\n");
  const header = new Map<string, string>();
  let key: string | undefined;
  for (const line of source.split("\n")) {
    const comment = /^-- ?(.*)$/.exec(line)?.[1];
    if (comment === undefined) break;
    const start = /^([a-z]+):\s*(.*)$/.exec(comment);
    if (start !== null) header.set((key = start[1]!), start[2]!);
    else if (key !== undefined) header.set(key, `${header.get(key)} ${comment.trim()}`);
  }
  const need = (name: string): string => {
    const value = header.get(name);
    if (value === undefined) throw new SignalboxError("E_METRIC_HEADER", `${url.pathname} has no "-- ${name}:" in its header`);
    return value;
  };
  const id = need("id");
  return {
    id,
    version: need("version"),
    title: need("title"),
    unit: need("unit"),
    text: need("definition"),
    sql: source,
    sqlSha256: createHash("sha256").update(source).digest("hex"),
    file: parseSql(`${id}.sql`, source),
  };
}

/** The four leadership numbers, in the order in which a report shows them. */
export const metricDefinitions: readonly MetricDefinition[] = [
  "owner-and-tier",
  "explicit-policy-coverage",
  "time-to-investigate",
  "high-risk-exception-rate",
].map((name) => readDefinition(new URL(`./${name}.sql`, import.meta.url)));

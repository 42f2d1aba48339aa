import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { SignalboxError } from "../../collector/kernel/errors.ts";

export type Row = Readonly<Record<string, unknown>>;

/** Rows of an NDJSON or CSV file, gzip'd or not, one at a time. CSV cells stay strings; the first line names them. */
export async function* readRows(path: string): AsyncGenerator<Row> {
  const raw = createReadStream(path);
  const input = path.endsWith(".gz") ? raw.pipe(createGunzip()) : raw;
  // A pipe doesn't hand on its source's errors, and an error without a listener ends the process.
  raw.on("error", (error) => input.destroy(error));
  const csv = path.replace(/\.gz$/, "").endsWith(".csv");
  let header: string[] | undefined;
  let lineNumber = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      lineNumber++;
      if (line.trim() === "") continue;
      if (!csv) yield parseJson(line, path, lineNumber);
      else if (header === undefined) header = splitCsv(line);
      else yield toRow(header, splitCsv(line));
    }
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    throw new SignalboxError("E_EVAL_INPUT", `reading ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function parseJson(line: string, path: string, lineNumber: number): Row {
  try {
    return JSON.parse(line) as Row;
  } catch (error) {
    throw new SignalboxError("E_EVAL_INPUT", `${path}:${lineNumber}: not a line of JSON`, { cause: error });
  }
}

function toRow(header: readonly string[], cells: readonly string[]): Row {
  const row: Record<string, unknown> = {};
  header.forEach((name, i) => (row[name] = cells[i] ?? ""));
  return row;
}

/** Cells of one CSV line; quotes as in RFC 4180, without line breaks inside a cell. */
export function splitCsv(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  const cell = /"((?:[^"]|"")*)"|([^,]*)/y;
  for (let at = 0; at <= line.length; at = cell.lastIndex + 1) {
    cell.lastIndex = at;
    const match = cell.exec(line)!;
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
  }
  return cells;
}

/** Writes rows as NDJSON, waiting whenever the file can't keep up. */
export async function writeRows(path: string, rows: AsyncIterable<Row> | Iterable<Row>): Promise<number> {
  const out = createWriteStream(path);
  const done = finished(out);
  let count = 0;
  for await (const row of rows) {
    count++;
    if (!out.write(`${JSON.stringify(row)}\n`)) await Promise.race([once(out, "drain"), done]);
  }
  out.end();
  await done;
  return count;
}

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { SignalboxError } from "../kernel/errors.ts";
import { tokenize } from "../engine/tokens.ts";

/** One fixed query, kept in a file so that a report can cite it and an investigator can paste it. */
export interface SqlFile {
  /** File name without folder, for messages and `log_comment`. */
  name: string;
  /** What the header says after `-- question:`; empty where it says nothing. */
  question: string;
  text: string;
  /** Types of the `{name:Type}` placeholders, by name. */
  parameters: ReadonlyMap<string, string>;
}

export type SqlValue = string | number | bigint | boolean | Date | null | readonly SqlValue[] | { [key: string]: SqlValue };
export type SqlParams = Record<string, SqlValue>;

const cache = new Map<string, SqlFile>();

/**
 * Loads a `.sql` file of one statement, once: `loadSql(new URL("./x.sql", import.meta.url))`.
 * Throws E_SQL_FILE for a file that cannot be read or holds several statements.
 */
export function loadSql(url: URL): SqlFile {
  const cached = cache.get(url.href);
  if (cached) return cached;
  const file = parseSql(basename(fileURLToPath(url)), readText(url));
  cache.set(url.href, file);
  return file;
}

/** The same for a text that is already at hand. `name` appears in messages. */
export function parseSql(name: string, text: string): SqlFile {
  const statements = splitStatements(text);
  const [only] = statements;
  if (statements.length !== 1 || only === undefined) {
    throw new SignalboxError("E_SQL_FILE", `${name} holds ${statements.length} statements; a query file holds one.`);
  }
  return { name, question: /^--\s*question:\s*(.+)$/im.exec(text)?.[1]?.trim() ?? "", text: only, parameters: placeholders(name, only) };
}

/**
 * Checks values against placeholders: exactly the declared names, no more and, but in CREATE VIEW, no fewer. Throws
 * E_SQL_PARAM, which names every one that is missing or unknown.
 */
export function bindParams(file: SqlFile, params: SqlParams): SqlParams {
  // A parameterized view keeps the placeholders that nothing is given for: they are its own parameters.
  const missing = definesView(file.text) ? [] : [...file.parameters.keys()].filter((name) => params[name] === undefined);
  const unknown = Object.keys(params).filter((name) => !file.parameters.has(name));
  if (missing.length === 0 && unknown.length === 0) return params;
  const faults = [
    ...(missing.length > 0 ? [`missing ${missing.join(", ")}`] : []),
    ...(unknown.length > 0 ? [`unknown ${unknown.join(", ")}`] : []),
  ];
  const declared = [...file.parameters].map(([name, type]) => `${name}:${type}`).join(", ") || "none";
  throw new SignalboxError("E_SQL_PARAM", `${file.name}: ${faults.join("; ")} (its parameters: ${declared})`);
}

const definesView = (statement: string): boolean => /^CREATE\s+(OR\s+REPLACE\s+)?VIEW\b/i.test(statement);

/** Cuts a migration into statements at semicolons outside of literals, comments and brackets. Comments between are left out. */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let start: number | undefined;
  let end = 0;
  for (const token of tokenize(text)) {
    if (token.text === ";" && token.depth === 0) {
      if (start !== undefined) statements.push(text.slice(start, end));
      start = undefined;
      continue;
    }
    start ??= token.start;
    end = token.end;
  }
  if (start !== undefined) statements.push(text.slice(start, end));
  return statements;
}

/**
 * `{name:Type}` outside of literals and comments. One name has one type. Throws E_SQL_FILE where it has two. Those of a
 * CREATE VIEW are the view's own: whoever reads it gives them.
 */
export function placeholders(name: string, statement: string): Map<string, string> {
  const found = new Map<string, string>();
  const tokens = tokenize(statement);
  if (/^CREATE (OR REPLACE )?VIEW /i.test(tokens.slice(0, 5).map((token) => token.text).join(" "))) return found;
  tokens.forEach((open, i) => {
    const [key, colon] = [tokens[i + 1], tokens[i + 2]];
    if (open.text !== "{" || key?.kind !== "word" || colon?.text !== ":") return;
    const close = tokens.slice(i).find((token) => token.text === "}" && token.depth === open.depth);
    const parameter = statement.slice(key.start, key.end);
    const type = statement.slice(colon.end, close?.start).trim();
    const known = found.get(parameter);
    if (known !== undefined && known !== type) {
      throw new SignalboxError("E_SQL_FILE", `${name}: parameter ${parameter} is declared as ${known} and as ${type}.`);
    }
    found.set(parameter, type);
  });
  return found;
}

function readText(url: URL): string {
  try {
    return readFileSync(url, "utf8");
  } catch (cause) {
    throw new SignalboxError("E_SQL_FILE", `Could not read ${fileURLToPath(url)}.`, { cause });
  }
}

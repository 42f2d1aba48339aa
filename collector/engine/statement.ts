import { EngineException } from "./exceptions.ts";
import { tokenize, type Token } from "./tokens.ts";

/**
 * An INSERT whose rows follow the statement. `head` is the statement without them. Every `head` begins where the text
 * does, so that positions in the parser's messages are positions in the text.
 */
export interface DataInsert {
  kind: "insert";
  head: string;
  format: string;
  /** Offset of the first byte of data in the text that was given, in characters. */
  dataStart: number;
  /** The same INSERT, reading its rows from a staged file. */
  fromFile(path: string): string;
}

/** A statement that can send its result wherever it is told to. */
export interface SelectStatement {
  kind: "select";
  head: string;
  format: string;
  /** The same query, writing its result to `path` instead of handing it back. */
  intoFile(path: string): string;
}

export interface OtherStatement {
  kind: "other";
  head: string;
  format: string;
}

export type Statement = DataInsert | SelectStatement | OtherStatement;

/** True as soon as the text is known to be, or not to be, an INSERT with data. Comments and brackets may come first. */
export function startsAsInsert(text: string): boolean {
  const [first] = tokenize(text, (tokens) => tokens.length < 1);
  return first?.text === "INSERT";
}

/**
 * Reads the shape of one statement. `defaultFormat` holds where the statement names none.
 * Throws SYNTAX_ERROR for an empty text.
 */
export function parseStatement(text: string, defaultFormat: string): Statement {
  if (startsAsInsert(text)) {
    const insert = parseDataInsert(text);
    if (insert) return insert;
  }
  const tokens = withoutTrailingSemicolon(tokenize(text));
  const first = tokens[0];
  const last = tokens.at(-1);
  if (!first || !last) throw EngineException.of("SYNTAX_ERROR", "Empty query.");
  const head = text.slice(0, last.end);
  const clause = formatClause(tokens);
  const format = clause ? wordAt(text, clause.name) : defaultFormat;
  if (!["SELECT", "WITH", "(", "FROM", "VALUES"].includes(first.text)) return { kind: "other", head, format };
  const body = text.slice(0, clause ? clause.keyword.start : last.end);
  const rest = clause ? text.slice(clause.keyword.start, last.end) : `FORMAT ${defaultFormat}`;
  return { kind: "select", head, format, intoFile: (path) => `${body} INTO OUTFILE ${literal(path)} APPEND ${rest}` };
}

/** A string literal that ClickHouse reads back as `text`, whatever is in it. */
export function literal(text: string): string {
  return `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/\0/g, "\\0").replace(/\n/g, "\\n")}'`;
}

/** Undefined for INSERT ... SELECT, and for an INSERT that has neither FORMAT nor VALUES. */
function parseDataInsert(text: string): DataInsert | undefined {
  const tokens = tokenize(text, (seen) => !endsInsertHead(seen));
  const at = tokens.findIndex((token, i) => i > 1 && token.depth === 0 && isInsertEnd(token));
  const end = tokens[at];
  if (!end) return undefined;
  const settings = tokens.find((token, i) => i > 1 && i < at && token.depth === 0 && token.text === "SETTINGS");
  const target = text.slice(0, (settings ?? end).start).trimEnd();
  const clauses = settings ? `${text.slice(settings.start, end.start).trimEnd()} ` : "";
  let format = "Values";
  let last = end;
  if (end.text === "FORMAT") {
    const name = tokens[at + 1];
    if (name?.kind !== "word") return undefined;
    format = wordAt(text, name);
    last = name;
  } else if (end.text !== "VALUES") {
    return undefined;
  }
  return {
    kind: "insert",
    head: text.slice(0, last.end),
    format,
    dataStart: dataStart(text, last.end),
    fromFile: (path) => `${target} FROM INFILE ${literal(path)} ${clauses}FORMAT ${format}`,
  };
}

function isInsertEnd(token: Token): boolean {
  return token.kind === "word" && ["VALUES", "FORMAT", "SELECT", "WITH", "FROM"].includes(token.text);
}

/** Reading stops one token after FORMAT: what follows is data and need not be SQL at all. */
function endsInsertHead(tokens: readonly Token[]): boolean {
  const [previous, last] = [tokens.at(-2), tokens.at(-1)];
  if (!last || tokens.length < 3) return false;
  if (previous?.depth === 0 && previous.text === "FORMAT" && tokens.length > 3) return true;
  return last.depth === 0 && isInsertEnd(last) && last.text !== "FORMAT";
}

/** As in ClickHouse's ParserInsertQuery: blanks after the format's name, and then at most one line end, are not data. */
function dataStart(text: string, after: number): number {
  let at = after;
  while (at < text.length && " \t\f".includes(text[at] ?? "")) at++;
  if (text[at] === "\r") at++;
  if (text[at] === "\n") at++;
  return at;
}

function withoutTrailingSemicolon(tokens: Token[]): Token[] {
  let end = tokens.length;
  while (end > 0 && tokens[end - 1]?.text === ";") end--;
  return tokens.slice(0, end);
}

/** `FORMAT name` at the end, or before the last SETTINGS. `format` may also be a column, so what follows decides. */
function formatClause(tokens: readonly Token[]): { keyword: Token; name: Token } | undefined {
  for (let i = tokens.length - 2; i > 0; i--) {
    const [keyword, name, next] = [tokens[i], tokens[i + 1], tokens[i + 2]];
    if (keyword?.text !== "FORMAT" || keyword.depth !== 0 || name?.kind !== "word") continue;
    if (!next || next.text === "SETTINGS") return { keyword, name };
  }
  return undefined;
}

function wordAt(text: string, token: Token): string {
  return text.slice(token.start, token.end);
}

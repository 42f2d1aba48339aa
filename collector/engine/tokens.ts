/** A significant token of a statement: `start` and `end` are offsets into its text. */
export interface Token {
  kind: "word" | "quoted" | "number" | "symbol";
  /** Upper case for words, the character for symbols, empty for the rest. */
  text: string;
  start: number;
  end: number;
  /** How many brackets are open around it. */
  depth: number;
}

const WORD = /[A-Za-z_][A-Za-z0-9_$]*/y;
const NUMBER = /[0-9][A-Za-z0-9_.]*/y;
const HEREDOC = /\$[A-Za-z0-9_]*\$/y;

/**
 * Cuts SQL into tokens as ClickHouse's lexer does, comments left out, as far as `keepGoing` wants to read on.
 *
 * It serves to place clauses and to find where an INSERT's data begins. It never decides what a user may do: that is
 * asked of ClickHouse's own parser, and a statement that this lexer misreads becomes one that does not parse.
 */
export function tokenize(sql: string, keepGoing: (tokens: readonly Token[]) => boolean = () => true): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  let at = 0;
  while (at < sql.length && keepGoing(tokens)) {
    const skipped = skipBlank(sql, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const token = readToken(sql, at, depth);
    if (token.kind === "symbol") {
      if ("([{".includes(token.text)) depth++;
      if (")]}".includes(token.text)) {
        depth = Math.max(0, depth - 1);
        token.depth = depth;
      }
    }
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

function skipBlank(sql: string, at: number): number {
  const char = sql[at] ?? "";
  if (/[ \t\r\n\f\v]/.test(char)) return at + 1;
  if (sql.startsWith("--", at) || sql.startsWith("#!", at) || sql.startsWith("# ", at)) {
    const end = sql.indexOf("\n", at);
    return end < 0 ? sql.length : end + 1;
  }
  if (sql.startsWith("/*", at)) {
    const end = sql.indexOf("*/", at + 2);
    return end < 0 ? sql.length : end + 2;
  }
  return at;
}

function readToken(sql: string, at: number, depth: number): Token {
  const char = sql[at] ?? "";
  if (char === "'" || char === '"' || char === "`") {
    return { kind: "quoted", text: "", start: at, end: endOfQuoted(sql, at, char), depth };
  }
  const heredoc = match(HEREDOC, sql, at);
  if (heredoc) {
    const close = sql.indexOf(heredoc, at + heredoc.length);
    return { kind: "quoted", text: "", start: at, end: close < 0 ? sql.length : close + heredoc.length, depth };
  }
  const word = match(WORD, sql, at);
  if (word) return { kind: "word", text: word.toUpperCase(), start: at, end: at + word.length, depth };
  const number = match(NUMBER, sql, at);
  if (number) return { kind: "number", text: "", start: at, end: at + number.length, depth };
  return { kind: "symbol", text: char, start: at, end: at + 1, depth };
}

function endOfQuoted(sql: string, at: number, quote: string): number {
  for (let i = at + 1; i < sql.length; i++) {
    if (sql[i] === "\\") i++;
    else if (sql[i] === quote) {
      if (sql[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return sql.length;
}

function match(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
}

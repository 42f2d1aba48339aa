/**
 * The first of three lines: what a person typed is one statement that reads. Behind it stand the store's read-only user
 * and its limits; this one exists to say clearly and early what is not possible here.
 */
export type Guarded = { readonly ok: true; readonly statement: string } | { readonly ok: false; readonly why: string; readonly position: number };

const readers = new Set(["SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"]);
const maxLength = 100_000;

/** Clauses that have no place in a read here, with what to do instead: a word, and the one that must stand before it. */
const refusedClauses: Readonly<Record<string, { after?: string; why: string }>> = {
  OUTFILE: { after: "INTO", why: "results can't be written to a file of the server" },
  INFILE: { after: "FROM", why: "files of the server can't be read" },
  FORMAT: { why: "the console chooses the format: leave FORMAT out" },
  SETTINGS: { why: "limits are set by the console: leave SETTINGS out" },
};

/** A column may be called format or settings: then one of these follows, or stands before it. */
const afterColumn = new Set("AS FROM WHERE PREWHERE GROUP ORDER HAVING LIMIT UNION ASC DESC AND OR IN LIKE ILIKE IS NOT BETWEEN THEN ELSE END OVER".split(" "));
const beforeColumn = new Set(["AS", ".", ","]);

/** Functions that reach outside of the database. */
const refusedFunctions =
  /^(file|url|s3|s3cluster|remote|remotesecure|mysql|postgresql|mongodb|sqlite|odbc|jdbc|executable|hdfs|azureblobstorage|gcs|input|cluster|clusterallreplicas|deltalake|iceberg|hudi|redis|sleep|sleepeachrow|getserversetting)$/i;

export function guardSql(text: string): Guarded {
  if (text.length > maxLength) return refuse("the statement is longer than 100,000 characters", 0);
  const tokens = tokenize(text);
  const broken = tokens.find((t) => t.kind === "broken");
  if (broken) return refuse("a string, name or comment is not closed", broken.at);
  const first = tokens[0];
  if (!first) return refuse("there is no statement", 0);
  const end = tokens.findIndex((t) => t.text === ";");
  const beyond = end >= 0 ? tokens.slice(end + 1).find((t) => t.text !== ";") : undefined;
  if (beyond) return refuse("one statement at a time", beyond.at);
  const body = end >= 0 ? tokens.slice(0, end) : tokens;
  const head = body.find((t) => t.text !== "(");
  if (!head || !readers.has(head.text.toUpperCase())) return refuse(`only statements that read: ${[...readers].join(", ")}`, first.at);
  for (const [i, token] of body.entries()) {
    if (token.kind !== "word") continue;
    const why = clauseAt(body, i);
    if (why) return refuse(why, token.at);
    if (body[i + 1]?.text === "(" && refusedFunctions.test(token.text)) return refuse(`${token.text}() is not available here`, token.at);
  }
  return { ok: true, statement: end >= 0 ? text.slice(0, tokens[end]!.at) : text };
}

function clauseAt(body: readonly Token[], i: number): string | undefined {
  const clause = refusedClauses[body[i]!.text.toUpperCase()];
  if (!clause) return undefined;
  const before = body[i - 1]?.text.toUpperCase() ?? "";
  if (clause.after) return before === clause.after ? clause.why : undefined;
  const next = body[i + 1];
  return next?.kind === "word" && !afterColumn.has(next.text.toUpperCase()) && !beforeColumn.has(before) ? clause.why : undefined;
}

const refuse = (why: string, position: number): Guarded => ({ ok: false, why, position });

interface Token {
  readonly kind: "word" | "quoted" | "mark" | "broken";
  readonly text: string;
  readonly at: number;
}

/** Words, quoted things and marks; comments and white space are left out. Strings are opaque. */
export function tokenize(text: string): Token[] {
  const out: Token[] = [];
  const pattern =
    /\s+|--[^\n]*|#!?[^\n]*|\/\*[\s\S]*?\*\/|(?<word>[\p{L}_$][\p{L}\p{N}_$]*)|(?<quoted>'(?:\\[\s\S]|''|[^'\\])*'|"(?:\\[\s\S]|""|[^"\\])*"|`(?:\\[\s\S]|``|[^`\\])*`|\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$)|(?<broken>['"`]|\/\*)|(?<mark>\d[\w.]*|[\s\S])/gu;
  for (const match of text.matchAll(pattern)) {
    const g = match.groups ?? {};
    const kind = g.word !== undefined ? "word" : g.quoted !== undefined ? "quoted" : g.broken !== undefined ? "broken" : g.mark !== undefined ? "mark" : null;
    if (kind !== null) out.push({ kind, text: match[0], at: match.index });
    if (kind === "broken") break;
  }
  return out;
}

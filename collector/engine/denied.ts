import { tokenize, type Token } from "./tokens.ts";

/**
 * Functions and table functions that reach outside of the data directory. `file` is the one that matters: no grant and
 * no configuration of chDB restrains it, readonly=1 does not either, and it reads any file that the process may read.
 */
const DENIED_NAMES = new Set(["FILE", "CATBOOSTEVALUATE", "EXECUTABLE", "EVAL", "FILESYSTEM", "VIEWEXPLAIN"]);

/**
 * Table functions with a source outside. The grants refuse them as well, but some act before they are refused: sqlite()
 * was seen to create its file. Their names are common words, so only a call counts.
 */
const DENIED_CALLS = new Set(
  (
    "arrowstream azureblobstorage azureblobstoragecluster cluster clusterallreplicas cosn deltalake deltalakeazure " +
    "deltalakecluster deltalakelocal deltalakes3 filecluster gcs hdfs hdfscluster hudi hudicluster iceberg icebergazure " +
    "icebergcluster iceberghdfs iceberglocal icebergs3 jdbc mongodb mysql odbc oss paimon paimonazure paimoncluster " +
    "paimonhdfs paimonlocal paimons3 postgresql prometheusquery redis remote remotesecure s3 s3cluster sqlite url " +
    "urlcluster ytsaurus"
  )
    .toUpperCase()
    .split(" "),
);

/**
 * Settings that name files or addresses, that hold SQL as text, or that change the language. The engine's own
 * configuration pins them too; a request that asks for one is told so.
 */
export const DENIED_SETTINGS: readonly string[] = [
  "additional_result_filter",
  "additional_table_filters",
  "allow_experimental_ai_functions",
  "allow_experimental_eval_table_function",
  "allow_introspection_functions",
  "dialect",
  "format_avro_schema_registry_url",
  "format_schema",
  "format_schema_source",
  "format_template_resultset",
  "format_template_resultset_format",
  "format_template_row",
  "format_template_row_format",
  "log_queries_cut_to_length",
  "parallel_replicas_custom_key",
  "polyglot_dialect",
];

/** Table and database engines that touch nothing but the data directory. */
export const ALLOWED_ENGINES: readonly string[] = [
  "MergeTree",
  "ReplacingMergeTree",
  "SummingMergeTree",
  "AggregatingMergeTree",
  "CollapsingMergeTree",
  "VersionedCollapsingMergeTree",
  "CoalescingMergeTree",
  "Memory",
  "Null",
  "Set",
  "Join",
  "View",
  "MaterializedView",
  "Atomic",
];

/** What is neither a read nor an ordinary write, and may still run. */
const ALLOWED_CONTROL = new Set(["SET", "USE", "KILL", "SYSTEM", "CREATE", "DROP", "INSERT", "ATTACH", "DETACH"]);
const engines = new Set(ALLOWED_ENGINES.map((name) => name.toUpperCase()));
const settings = new Set(DENIED_SETTINGS.map((name) => name.toUpperCase()));

/** A text without any of this cannot hold a denied name, not even spelled with escapes in a quoted one. */
const SUSPICIOUS = new RegExp([...DENIED_NAMES, ...DENIED_CALLS, "disk", "identifier", "[`\"\\\\\\u2018-\\u201f]"].join("|"), "i");

/** Cheap: false says that a read needs no closer look. */
export function isSuspicious(sql: string): boolean {
  return SUSPICIOUS.test(sql);
}

/**
 * What a statement may not do, in words, or undefined where there is nothing against it. `formatted` is the statement
 * as ClickHouse's own formatter writes it: one spelling for each thing, names unescaped, comments gone. `control` says
 * that the parser called it neither a read nor a write.
 */
export function denial(formatted: string, control: boolean): string | undefined {
  const tokens = tokenize(formatted);
  const first = tokens[0]?.text ?? "";
  if (control && !ALLOWED_CONTROL.has(first)) return `${first} is not available here.`;
  if (first === "SET" && tokens.some((token) => token.text.startsWith("PARAM_"))) {
    return "Parameters come with the query that names them: not allowed in SET.";
  }
  for (const [i, token] of tokens.entries()) {
    const next = tokens[i + 1]?.text ?? "";
    const pair = `${token.text} ${next}`;
    if (pair === "INTO OUTFILE" || pair === "FROM INFILE") return "INTO OUTFILE and FROM INFILE name files of the server: not allowed.";
    if (pair === "INTO FUNCTION") return "INSERT INTO FUNCTION writes outside of the store: not allowed.";
    if (pair === "DISK (") return "Disks are configured, not created: not allowed.";
    if (first !== "SELECT" && i < 4 && token.text === "DICTIONARY" && ["CREATE", "ATTACH"].includes(first)) {
      return "Dictionaries read from files, addresses and commands: not allowed.";
    }
    const engine = tokens[i + 2];
    if (pair === "ENGINE =" && engine && !engines.has(engine.text)) return `Engine ${textOf(formatted, engine)} is not available here.`;
    if (settings.has(token.text) && next === "=") return `Setting ${textOf(formatted, token)} cannot be changed here.`;
    if (isDeniedName(token, tokens[i - 1])) return nameDenial(textOf(formatted, token));
    if (next === "(" && isDeniedCall(token)) return `${textOf(formatted, token)}() reaches outside of the store: not allowed.`;
  }
  if (first === "ATTACH" && tokens.some((token) => token.text === "FROM")) return "ATTACH FROM names files: not allowed.";
  return undefined;
}

/**
 * The same for the rows of INSERT ... VALUES, which may hold expressions and never pass through the formatter. Stricter:
 * a quoted name that is called, and quotes that are not ASCII, are refused unread.
 */
export function denialInValues(values: string): string | undefined {
  if (!isSuspicious(values)) return undefined;
  const tokens = tokenize(values);
  for (const [i, token] of tokens.entries()) {
    const quotedName = token.kind === "quoted" && /[`"]/.test(values[token.start] ?? "");
    if (quotedName && tokens[i + 1]?.text === "(") return "VALUES may not call a function by a quoted name.";
    if (token.kind === "symbol" && /[\u2018-\u201f]/.test(token.text)) return "VALUES may not use typographic quotes.";
    if (token.text === "IDENTIFIER") return "VALUES may not hold identifiers as parameters.";
    if (isDeniedName(token, tokens[i - 1])) return nameDenial(token.text.toLowerCase());
  }
  return undefined;
}

/**
 * A `{name:Identifier}` is put in after all checks: it may not become a denied name either. Its value has to come with
 * the request, as one that a session still holds was never looked at.
 */
export function denialInIdentifiers(sql: string, values: ReadonlyMap<string, string>): string | undefined {
  if (!/identifier/i.test(sql)) return undefined;
  const tokens = tokenize(sql);
  for (const [i, token] of tokens.entries()) {
    if (token.text !== "IDENTIFIER" || tokens[i - 1]?.text !== ":" || tokens[i - 3]?.text !== "{") continue;
    const name = tokens[i - 2];
    const value = name && values.get(textOf(sql, name));
    if (value === undefined) return "An identifier was given no value with this request.";
    if (value.includes("\\") || DENIED_NAMES.has(value.toUpperCase())) return nameDenial(value);
  }
  return undefined;
}

/** A bare name may be a function even where nothing is called: `arrayMap(file, ...)`, `* APPLY file`. */
function isDeniedName(token: Token, before: Token | undefined): boolean {
  return token.kind === "word" && before?.text !== "." && DENIED_NAMES.has(token.text);
}

function isDeniedCall(token: Token): boolean {
  return token.kind === "word" && DENIED_CALLS.has(token.text);
}

function nameDenial(name: string): string {
  return `${name} reaches outside of the store: not allowed. A column of that name is written as table.${name}.`;
}

function textOf(sql: string, token: Token): string {
  return sql.slice(token.start, token.end);
}

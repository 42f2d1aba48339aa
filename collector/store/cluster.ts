import { tokenize, type Token } from "../engine/tokens.ts";
import { SignalboxError } from "../kernel/errors.ts";

/** Where the tables are on a cluster. Paths and names hold the server's macros, `{shard}` and `{replica}`, as they stand. */
export interface Cluster {
  readonly name: string;
  readonly database: string;
  /** Over the columns of a span: which shard it goes to. What is derived from a span stays on the span's shard. */
  readonly shardingKey: string;
  /** Of a table that is spread over the shards. */
  readonly replicaPath: string;
  readonly replicaName: string;
  /** Of a table that every node has whole. */
  readonly everywherePath: string;
  readonly everywhereName: string;
}

/**
 * The tables that grow with the calls. They are spread: `<name>_local` holds a shard's rows, and `<name>` reads all of them.
 * The others are small, and every node has them whole, under their own name: FINAL, joins and look-ups in them need no other node.
 */
export const SHARDED: readonly string[] = ["otel_traces", "otel_traces_trace_id_ts", "calls", "calls_1m", "calls_1h", "calls_1d", "latency_1m", "latency_1h", "latency_1d", "latency_by_agent_1h", "payloads", "sequence_scores", "argument_values"];
/** A batch may be sent again until its sender's spool is full, and a server's own default forgets it after an hour. */
const DEDUPLICATION_SECONDS = 7 * 86_400;

const HEAD_WORDS = new Set(["CREATE", "OR", "REPLACE", "TABLE", "VIEW", "MATERIALIZED", "IF", "NOT", "EXISTS", "DROP", "ALTER", "TRUNCATE", "INSERT", "INTO"]);

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The name of the table that a statement's rows are in. */
export function storedIn(table: string, cluster: Cluster | null): string {
  return cluster && SHARDED.includes(table) ? `${table}_local` : table;
}

/** ` ON CLUSTER name`, or nothing on one server. */
export function onCluster(cluster: Cluster | null): string {
  return cluster ? ` ON CLUSTER ${cluster.name}` : "";
}

/**
 * One statement of a migration as one server, or each node of a cluster, is to run it. On one server it is the text itself.
 * Throws E_MIGRATION_FORM for a statement that has no form for a cluster.
 */
export function renderStatement(file: string, statement: string, cluster: Cluster | null): string[] {
  if (!cluster) return [statement];
  const tokens = tokenize(statement);
  const at = tokens.findIndex((token) => !HEAD_WORDS.has(token.text));
  const head = tokens.slice(0, at).map((token) => token.text).join(" ");
  const name = tokens[at];
  if (name?.kind !== "word") throw unknownForm(file, statement);
  const table = statement.slice(name.start, name.end);
  const rest = tokens.slice(at + 1);
  const place = (as: string): Edit => ({ start: name.start, end: name.end, text: `${as}${onCluster(cluster)}` });
  const edit = (edits: readonly Edit[]): string => applyEdits(statement, edits);
  switch (head) {
    case "CREATE TABLE IF NOT EXISTS": {
      const local = edit([place(storedIn(table, cluster)), engineEdit(file, statement, rest, table, cluster), ...windowEdits(rest)]);
      return SHARDED.includes(table) ? [local, distributed("CREATE TABLE IF NOT EXISTS", table, cluster)] : [local];
    }
    case "ALTER TABLE": {
      const local = edit([place(storedIn(table, cluster)), ...windowEdits(rest)]);
      // A Distributed table holds no rows, so it is made anew instead of being altered in step.
      return SHARDED.includes(table) ? [local, distributed("CREATE OR REPLACE TABLE", table, cluster)] : [local];
    }
    case "CREATE MATERIALIZED VIEW IF NOT EXISTS":
      return [edit([place(table), ...localEdits(statement, rest, ["TO", "FROM", "JOIN"], cluster)])];
    case "CREATE VIEW IF NOT EXISTS":
    case "CREATE OR REPLACE VIEW":
    case "DROP VIEW IF EXISTS":
      return [edit([place(table)])];
    case "TRUNCATE TABLE":
      return [edit([place(storedIn(table, cluster))])];
    case "INSERT INTO":
      // What is there already, of all shards, becomes this node's: the sums are the same wherever their rows are.
      return [edit([{ start: name.start, end: name.end, text: storedIn(table, cluster) }])];
    default:
      throw unknownForm(file, statement);
  }
}

function distributed(head: string, table: string, cluster: Cluster): string {
  const written = writtenBy(table, cluster);
  // Without a key nothing can be written through it, which is right for what views fill.
  const key = written === undefined ? "" : `, ${written}`;
  const local = storedIn(table, cluster);
  return `${head} ${table}${onCluster(cluster)} AS ${local} ENGINE = Distributed(${cluster.name}, ${cluster.database}, ${local}${key})`;
}

const ROW_KEYS: Readonly<Record<string, string>> = { payloads: "sipHash64(producer, seq)", sequence_scores: "sipHash64(unit)" };

/** The sharding key of a table that is written to by its name; views fill the others. A row that takes another's place has its shard. */
function writtenBy(table: string, cluster: Cluster): string | undefined {
  if (table === "otel_traces") return cluster.shardingKey;
  return ROW_KEYS[table];
}

/** `MergeTree` becomes `ReplicatedMergeTree('path', 'replica')`, and what the engine was given comes behind. */
function engineEdit(file: string, statement: string, tokens: readonly Token[], table: string, cluster: Cluster): Edit {
  const at = tokens.findIndex((token, i) => token.text === "ENGINE" && token.depth === 0 && tokens[i + 1]?.text === "=");
  const engine = tokens[at + 2];
  if (at < 0 || !engine?.text.endsWith("MERGETREE")) throw unknownForm(file, statement);
  const name = `Replicated${statement.slice(engine.start, engine.end)}`;
  const [path, replica] = SHARDED.includes(table) ? [cluster.replicaPath, cluster.replicaName] : [cluster.everywherePath, cluster.everywhereName];
  const open = tokens[at + 3];
  if (open?.text !== "(") return { start: engine.start, end: engine.end, text: `${name}('${path}', '${replica}')` };
  const more = tokens[at + 4]?.text === ")" ? "" : ", ";
  return { start: engine.start, end: open.end, text: `${name}('${path}', '${replica}'${more}` };
}

function windowEdits(tokens: readonly Token[]): Edit[] {
  return tokens
    .filter((token) => token.text === "NON_REPLICATED_DEDUPLICATION_WINDOW")
    .map(({ start, end }) => ({ start, end, text: `replicated_deduplication_window_seconds = ${DEDUPLICATION_SECONDS}, replicated_deduplication_window` }));
}

function localEdits(statement: string, tokens: readonly Token[], after: readonly string[], cluster: Cluster): Edit[] {
  return tokens.flatMap((token, i) => {
    const table = statement.slice(token.start, token.end);
    const names = token.kind === "word" && after.includes(tokens[i - 1]?.text ?? "") && SHARDED.includes(table);
    return names ? [{ start: token.start, end: token.end, text: storedIn(table, cluster) }] : [];
  });
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  return [...edits].sort((a, b) => b.start - a.start).reduce((out, { start, end, text: by }) => out.slice(0, start) + by + out.slice(end), text);
}

function unknownForm(file: string, statement: string): SignalboxError {
  const start = statement.slice(0, 60).replace(/\s+/g, " ");
  return new SignalboxError("E_MIGRATION_FORM", `${file}: there is no form for a cluster of: ${start}`, {
    remedy: "Write it as CREATE TABLE, VIEW or MATERIALIZED VIEW IF NOT EXISTS, CREATE OR REPLACE VIEW, DROP VIEW IF EXISTS, ALTER TABLE, TRUNCATE TABLE or INSERT INTO, or teach collector/store/cluster.ts.",
  });
}

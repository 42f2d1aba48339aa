import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";
import { checkQuestion, toParams, type BlastQuestion } from "./question.ts";

const blastRadiusSql = loadSql(new URL("./blast-radius.sql", import.meta.url));

export type Edge = "seed" | "same piece of work" | "takes a value from a result" | "reads what was written";

export interface BlastSummary {
  readonly records: number;
  readonly calls: number;
  readonly seeds: number;
  readonly later: number;
  readonly piecesOfWork: number;
  readonly secondOrderPieces: number;
  readonly servers: number;
  readonly agents: readonly string[];
  readonly principals: readonly string[];
  readonly dataDomains: readonly string[];
  readonly tiers: readonly string[];
  readonly writes: number;
  readonly uncertainWrites: number;
  readonly notAllowed: number;
  /** ISO 8601; empty where nothing was found. */
  readonly firstAt: string;
  readonly lastAt: string;
  readonly deepest: number;
}

export interface TouchedServer {
  readonly server: string;
  readonly versions: readonly string[];
  readonly tiers: readonly string[];
  readonly dataDomains: readonly string[];
  readonly owner: string;
  readonly contact: string;
  readonly lifecycle: string;
  readonly calls: number;
  readonly writes: number;
  readonly uncertainWrites: number;
  readonly depth: number;
}

export interface ReachedWork {
  readonly piece: string;
  readonly depth: number;
  readonly edge: Edge;
  readonly via: string;
  readonly named: string;
  readonly entry: string;
  readonly agents: readonly string[];
  readonly calls: number;
  readonly writes: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

export interface ReachedCall {
  readonly callId: string;
  readonly at: string;
  readonly depth: number;
  readonly edge: Edge;
  readonly via: string;
  readonly named: string;
  readonly piece: string;
  readonly agent: string;
  readonly principal: string;
  readonly server: string;
  readonly serverVersion: string;
  readonly method: string;
  readonly target: string;
  readonly effect: string;
  readonly riskTier: string;
  readonly dataDomains: readonly string[];
  readonly decision: string;
  readonly outcome: string;
  readonly wrote: boolean;
  readonly mayHaveWritten: boolean;
  readonly attempts: number;
}

/** Rows, and how many there are beyond them. */
export interface Bounded<T> {
  readonly rows: readonly T[];
  readonly more: number;
}

export interface BlastRadius {
  readonly question: BlastQuestion;
  readonly summary: BlastSummary;
  readonly servers: Bounded<TouchedServer>;
  readonly work: Bounded<ReachedWork>;
  readonly writes: Bounded<ReachedCall>;
  readonly calls: Bounded<ReachedCall>;
}

type Row = Record<string, any>;

/**
 * Everything that a seed reaches, at most `most` rows a table. Throws E_BLAST_RADIUS for a question that has no seed; one
 * whose seed was not recorded has an answer of no calls.
 */
export async function readBlastRadius(store: Store, question: BlastQuestion, most: number): Promise<BlastRadius> {
  checkQuestion(question);
  const rows = await store.query<Row>(blastRadiusSql, { ...toParams(question), most });
  const level = <T>(name: string, map: (row: Row) => T): Bounded<T> => {
    const of = rows.filter((row) => row.level === name);
    return { rows: of.map(map), more: Number(of[0]?.total ?? 0) - of.length };
  };
  return {
    question,
    summary: toSummary(rows.find((row) => row.level === "all")),
    servers: level("server", toServer),
    work: level("piece", toWork),
    writes: level("write", toCall),
    calls: level("call", toCall),
  };
}

/** Of nothing where the seed was not recorded. */
function toSummary(row: Row = {}): BlastSummary {
  const [calls, seeds] = [Number(row.calls ?? 0), Number(row.seeds ?? 0)];
  return {
    records: row.records ?? 0,
    calls,
    seeds,
    later: calls - seeds,
    piecesOfWork: row.pieces_of_work ?? 0,
    secondOrderPieces: row.second_order_pieces ?? 0,
    servers: row.servers ?? 0,
    agents: row.agents ?? [],
    principals: row.principals ?? [],
    dataDomains: row.data_domains ?? [],
    tiers: row.tiers ?? [],
    writes: Number(row.writes ?? 0),
    uncertainWrites: Number(row.uncertain_writes ?? 0),
    notAllowed: Number(row.not_allowed ?? 0),
    firstAt: row.first_at ?? "",
    lastAt: row.last_at ?? "",
    deepest: row.deepest ?? 0,
  };
}

function toServer(row: Row): TouchedServer {
  return {
    server: row.name,
    versions: row.versions,
    tiers: row.tiers,
    dataDomains: row.data_domains,
    // A server that has left the registry is still somebody's: the calls say whose it was.
    owner: row.owner !== "" ? row.owner : row.owners.join(", "),
    contact: row.contact,
    lifecycle: row.lifecycle,
    calls: Number(row.calls),
    writes: Number(row.writes),
    uncertainWrites: Number(row.uncertain_writes),
    depth: row.depth,
  };
}

function toWork(row: Row): ReachedWork {
  return {
    piece: row.name,
    depth: row.depth,
    edge: row.edge,
    via: row.via,
    named: row.named,
    entry: row.call_id,
    agents: row.agents,
    calls: Number(row.calls),
    writes: Number(row.writes),
    firstAt: row.first_at,
    lastAt: row.last_at,
  };
}

function toCall(row: Row): ReachedCall {
  return {
    callId: row.call_id,
    at: row.first_at,
    depth: row.depth,
    edge: row.edge,
    via: row.via,
    named: row.named,
    piece: row.piece,
    agent: row.agent,
    principal: row.principal,
    server: row.server,
    serverVersion: row.server_version,
    method: row.method,
    target: row.target,
    effect: row.effect,
    riskTier: row.tiers[0] ?? "",
    dataDomains: row.data_domains,
    decision: row.decision,
    outcome: row.outcome,
    wrote: row.wrote === 1,
    mayHaveWritten: row.may_have_written === 1,
    attempts: Number(row.calls),
  };
}

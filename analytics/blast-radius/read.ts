import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";
import { checkQuestion, toParams, type BlastQuestion } from "./question.ts";

const summarySql = loadSql(new URL("./summary.sql", import.meta.url));
const serversSql = loadSql(new URL("./servers.sql", import.meta.url));
const workSql = loadSql(new URL("./work.sql", import.meta.url));
const callsSql = loadSql(new URL("./calls.sql", import.meta.url));

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
  readonly writeRecords: number;
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
  const params = toParams(question);
  const rows = { ...params, most };
  const [summary] = await store.query<Row>(summarySql, params);
  const servers = await store.query<Row>(serversSql, rows);
  const work = await store.query<Row>(workSql, rows);
  const writes = await store.query<Row>(callsSql, { ...rows, writes_only: true });
  const calls = await store.query<Row>(callsSql, { ...rows, writes_only: false });
  return {
    question,
    summary: toSummary(summary!),
    servers: bounded(servers, Number(servers[0]?.total ?? 0), toServer),
    work: bounded(work, Number(work[0]?.total ?? 0), toWork),
    writes: bounded(writes, Number(summary!.write_records), toCall),
    calls: bounded(calls, Number(summary!.records), toCall),
  };
}

function bounded<T>(rows: readonly Row[], total: number, map: (row: Row) => T): Bounded<T> {
  return { rows: rows.map(map), more: Math.max(0, total - rows.length) };
}

function toSummary(row: Row): BlastSummary {
  const found = Number(row.records) > 0;
  return {
    records: row.records,
    calls: Number(row.calls),
    seeds: Number(row.seeds),
    later: Number(row.later),
    piecesOfWork: row.pieces_of_work,
    secondOrderPieces: row.second_order_pieces,
    servers: row.servers,
    agents: row.agents,
    principals: row.principals,
    dataDomains: row.data_domains,
    tiers: row.tiers,
    writes: Number(row.writes),
    uncertainWrites: Number(row.uncertain_writes),
    writeRecords: row.write_records,
    notAllowed: Number(row.not_allowed),
    firstAt: found ? row.first_at : "",
    lastAt: found ? row.last_at : "",
    deepest: row.deepest,
  };
}

function toServer(row: Row): TouchedServer {
  return {
    server: row.server,
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
    piece: row.piece,
    depth: row.depth,
    edge: row.edge,
    via: row.via,
    named: row.named,
    entry: row.entry,
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
    at: row.ts,
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
    riskTier: row.risk_tier,
    dataDomains: row.data_domains,
    decision: row.decision,
    outcome: row.outcome,
    wrote: row.wrote === 1,
    mayHaveWritten: row.may_have_written === 1,
    attempts: row.attempts,
  };
}

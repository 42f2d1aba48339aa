import { columns } from "../../collector/kernel/columns.ts";
import { showable } from "../../collector/sql/terminal.ts";
import { questionWords } from "./question.ts";
import type { BlastRadius, Bounded, ReachedCall, TouchedServer } from "./read.ts";

const MAX_CELL = 60;

/** A blast radius as lines for a terminal: numbers and whom to call first, then the tables. Nothing in it can steer a terminal. */
export function blastRadiusLines(blast: BlastRadius): string[] {
  const { summary: s, question } = blast;
  if (s.records === 0) return [showable(`Blast radius of ${questionWords(question)}: no such calls are recorded.`)];
  return [
    ...headline(blast).map(showable),
    ...table("Whom to call", ["owner", "contact", "servers"], people(blast.servers.rows), blast.servers.more, "servers"),
    ...table("Servers", ["server", "version", "tier", "data", "depth", "calls", "writes"], blast.servers.rows.map(serverCells), blast.servers.more),
    ...table("Pieces of work", ["piece", "depth", "agents", "calls", "writes", "from", "why it is in"], blast.work.rows.map((w) => [w.piece, String(w.depth), w.agents.join(", "), String(w.calls), String(w.writes), time(w.firstAt), why(w.edge, w.via, w.named)]), blast.work.more),
    ...calls("Writes", blast.writes),
    ...calls("Calls", blast.calls),
  ];
}

function headline({ summary: s, question }: BlastRadius): string[] {
  const uncertain = s.uncertainWrites === 0 ? "" : `, and ${count(s.uncertainWrites, "call")} that may have written (no answer, or an undeclared effect)`;
  return [
    `Blast radius of ${questionWords(question)}, to depth ${question.depth}`,
    `  ${count(s.calls, "call")}: ${count(s.seeds, "seed")}, ${s.later} later; ${s.notAllowed} not allowed; ${time(s.firstAt)} to ${time(s.lastAt)} UTC`,
    `  ${count(s.piecesOfWork, "piece")} of work, ${s.secondOrderPieces} of them only because they read what was written`,
    `  ${count(s.servers, "server")}; tiers: ${list(s.tiers)}; data: ${list(s.dataDomains)}`,
    `  ${count(s.writes, "write")} made${uncertain}`,
    `  agents: ${list(s.agents)}; on behalf of: ${list(s.principals)}`,
  ];
}

/** One line an owner, with the servers that were touched: the most written to first, as the servers are. */
function people(servers: readonly TouchedServer[]): string[][] {
  const byOwner = new Map<string, { owner: string; contact: string; servers: string[] }>();
  for (const { owner, contact, server } of servers) {
    const key = JSON.stringify([owner, contact]);
    const known = byOwner.get(key) ?? { owner, contact, servers: [] };
    known.servers.push(server);
    byOwner.set(key, known);
  }
  return [...byOwner.values()].map((p) => [p.owner || "nobody is known", p.contact || "-", p.servers.join(", ")]);
}

const serverCells = (s: TouchedServer): string[] => [s.server, s.versions.join(", ") || "-", s.tiers.join(", ") || "-", s.dataDomains.join(", ") || "-", String(s.depth), String(s.calls), String(s.writes)];

function calls(title: string, { rows, more }: Bounded<ReachedCall>): string[] {
  const cells = rows.map((c) => [
    time(c.at),
    c.callId,
    String(c.depth),
    c.agent,
    `${c.server}/${c.target || c.method}`,
    `${c.effect || "unknown"}${c.attempts > 1 ? ` x${c.attempts}` : ""}`,
    c.outcome,
    why(c.edge, c.via, c.named),
  ]);
  return table(title, ["time", "call", "depth", "agent", "what", "effect", "outcome", "why it is in"], cells, more);
}

function why(edge: string, via: string, named: string): string {
  switch (edge) {
    case "seed":
      return "seed";
    case "reads what was written":
      return `reads what ${via} wrote (${named})`;
    case "takes a value from a result":
      return `takes a value from the result of ${via}`;
    default:
      return `after ${via} in the same piece of work`;
  }
}

function table(title: string, heading: readonly string[], rows: readonly (readonly string[])[], more: number, ofWhat = ""): string[] {
  if (rows.length === 0) return [];
  const cells = [heading, ...rows].map((row) => row.map((cell, i) => fit(showable(cell.replaceAll("\t", " ")), i === row.length - 1)));
  return ["", `${title}:`, ...columns(cells).map((line) => `  ${line}`), ...(more === 0 ? [] : [`  and ${more} more ${ofWhat}`.trimEnd()])];
}

/** A name may be as long as its sender liked; the last column has nothing to push aside. */
const fit = (cell: string, last: boolean): string => (cell.length > MAX_CELL && !last ? `${cell.slice(0, MAX_CELL - 3)}...` : cell.slice(0, 300));
const time = (iso: string): string => iso.slice(0, 19).replace("T", " ");
const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", "));
const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;

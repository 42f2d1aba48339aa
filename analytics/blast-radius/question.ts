import { SignalboxError } from "../../collector/kernel/errors.ts";

/** What a blast radius is asked of. Empty strings say nothing; what is given must all hold. Times are when seeds began. */
export interface BlastQuestion {
  readonly callId: string;
  readonly server: string;
  readonly serverVersion: string;
  readonly agent: string;
  readonly credential: string;
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  /** How many times over pieces of work that read what was written are followed. */
  readonly depth: number;
}

export const defaultDepth = 2;
/** Beyond it the view goes no further. */
export const maxDepth = 10;

/** Throws E_BLAST_RADIUS for a question without a seed, or with a call beside anything else. */
export function checkQuestion(q: BlastQuestion): void {
  const others = [q.server, q.serverVersion, q.agent, q.credential].some((text) => text !== "") || q.sinceMs !== null || q.untilMs !== null;
  if (q.callId !== "" && others) {
    throw new SignalboxError("E_BLAST_RADIUS", "a call is a seed by itself", { remedy: "leave out the options beside the call id, or the call id" });
  }
  if (q.callId !== "" && !/^.{1,200}-[1-9]\d{0,18}$/.test(q.callId)) {
    throw new SignalboxError("E_BLAST_RADIUS", "that is not a call id", { remedy: "a call id looks like px-0a6f4163-6: the console, `explain` and the column call_id of calls have it" });
  }
  if (q.callId === "" && !others) {
    throw new SignalboxError("E_BLAST_RADIUS", "nothing to start from", { remedy: "name a call id, --server, --agent, --credential, or --since and --until" });
  }
  if (q.serverVersion !== "" && q.server === "") {
    throw new SignalboxError("E_BLAST_RADIUS", "a version is of a server", { remedy: "add --server" });
  }
  if (q.sinceMs !== null && q.untilMs !== null && q.sinceMs >= q.untilMs) {
    throw new SignalboxError("E_BLAST_RADIUS", "--until is not after --since", { remedy: "the stretch of time is from --since up to, not including, --until" });
  }
}

/** As blast_radius_from takes it. */
export function toParams(q: BlastQuestion): Record<string, string | number> {
  const time = (ms: number | null): string => (ms === null ? "" : new Date(ms).toISOString());
  return {
    call_id: q.callId,
    server: q.server,
    version: q.serverVersion,
    agent: q.agent,
    credential: q.credential,
    since: time(q.sinceMs),
    until: time(q.untilMs),
    depth: q.depth,
  };
}

/** The seed in words, for the first line of an answer. */
export function questionWords(q: BlastQuestion): string {
  if (q.callId !== "") return `call ${q.callId}`;
  const parts = [
    q.server === "" ? "" : `server ${q.server}${q.serverVersion === "" ? "" : ` ${q.serverVersion}`}`,
    q.agent === "" ? "" : `agent ${q.agent}`,
    q.credential === "" ? "" : `credential ${q.credential}`,
  ].filter((part) => part !== "");
  const since = q.sinceMs === null ? "" : ` from ${new Date(q.sinceMs).toISOString()}`;
  const until = q.untilMs === null ? "" : ` to ${new Date(q.untilMs).toISOString()}`;
  return `${parts.join(", ") || "every call"}${since}${until}`;
}

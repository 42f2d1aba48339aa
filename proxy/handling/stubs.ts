import type { Call } from "../relay/call.ts";
import { resultBody, errorBody, QUARANTINED } from "../transport/rpc-error.ts";
import { HANDLING_KEY } from "./notes.ts";

/** What takes the place of a result that is kept back. */
export interface Kept {
  readonly findings: readonly string[];
  /** Empty where nothing was kept: the result is gone. */
  readonly quarantineId: string;
  readonly expiresMs: number;
  readonly status: "held" | "deleted" | "blocked";
  /** It is no result but something that the server asks in the middle of the call. */
  readonly isQuestion?: boolean;
}

/**
 * The message that an agent gets instead. For a tool it is a result that a model reads, flagged as an error: clients check a
 * result that is none against the tool's output schema, and would throw this one away. Other methods have no such result.
 * `answeredId`: which call it is an answer to, where the message at hand is none.
 */
export function stubBody(call: Call, kept: Kept, answeredId?: unknown): Buffer {
  const id = call.message?.id ?? rpcIdOf(answeredId);
  const text = explained(kept, call);
  const handling = { action: kept.status === "blocked" ? "block" : "quarantine", status: kept.status, findings: kept.findings, ...(kept.quarantineId === "" ? {} : { quarantineId: kept.quarantineId }) };
  if (call.method !== "tools/call" && call.message !== null) return Buffer.from(errorBody(id, QUARANTINED, text, { reason: kept.status, ...handling }));
  const result = { content: [{ type: "text", text }], isError: true, _meta: { [HANDLING_KEY]: handling }, ...(call.modern ? { resultType: "complete" } : {}) };
  return Buffer.from(resultBody(id, result));
}

const rpcIdOf = (id: unknown): string | number | null => (typeof id === "string" || typeof id === "number" ? id : null);

function explained(kept: Kept, call: Call): string {
  const found = kept.findings.length === 0 ? "" : ` Found: ${kept.findings.join(", ")}.`;
  const done = call.entry !== null && call.method === "tools/call" ? " The call itself was carried out." : "";
  if (kept.status === "held") {
    return (
      `The result is kept back for a person to look at: it does not look safe to read.${found}${done}` +
      ` Repeat the very same call later: it is not made again, and gives the result once somebody has released it. Go on with other work until then.` +
      ` It is kept until ${new Date(kept.expiresMs).toISOString()}. Quarantine id: ${kept.quarantineId}.`
    );
  }
  if (kept.status === "deleted") return `The result was kept back, and a person has decided not to release it. Repeating the call will not help. Quarantine id: ${kept.quarantineId}.`;
  const owner = call.entry?.owner;
  const what = kept.isQuestion ? `In the middle of the call the server asked for something that may not be passed on, so the call was broken off.${found}` : `The result was blocked: it may not be passed on.${found}${done}`;
  return `${what} Repeating the call will not help.${owner === undefined ? "" : ` Ask ${owner} about it.`}`;
}

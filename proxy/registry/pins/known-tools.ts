import type { ServerEntry } from "../server-entry.ts";
import { isProduction } from "./action.ts";

/** What was seen of a tool before, as the control state keeps it. */
export interface KnownTool {
  readonly hash: string;
  /** The definition as JSON text; empty where it vanished or was too large. */
  readonly definition: string;
  readonly state: "usable" | "held" | "blocked" | "vanished";
  /** The hash that was accepted last; it stays while a change is held or blocked. */
  readonly approvedHash: string;
}

/** By server, then by tool. */
export type KnownTools = ReadonlyMap<string, ReadonlyMap<string, KnownTool>>;

/** A person has to decide. */
export const waiting = (known: KnownTool): boolean => known.state === "held" || known.state === "blocked";

/**
 * Whether a call to this tool may be forwarded as far as its definition goes: not while it is held or blocked
 * (`definition_changed`). With the entry given, a tool that was never seen is not usable on a high-tier server in
 * production, because nobody knows what it is.
 */
export function isDefinitionUsable(known: KnownTools, server: string, tool: string, entry?: ServerEntry, environment?: string): boolean {
  const seen = known.get(server)?.get(tool);
  if (seen) return !waiting(seen);
  return entry === undefined || entry.riskTier !== "high" || !isProduction(entry, environment);
}

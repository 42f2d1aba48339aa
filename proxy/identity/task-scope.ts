import { safeLine } from "../people/safe-text.ts";
import type { Identity } from "./identity.ts";

const MAX_NAMED = 5;
const MAX_NAME = 64;

/** Pure. What a caller is told that its credential is for: which one it is, by the id that records have, and its bound. */
export function describeScope({ credentialId, taskId, servers = [], tools = [] }: Pick<Identity, "credentialId" | "taskId" | "servers" | "tools">, bound: "servers" | "tools"): string {
  const holder = taskId !== "" ? `Task ${taskId}` : credentialId.startsWith("x5-") ? `Certificate ${credentialId}` : `Key ${credentialId}`;
  const names = bound === "servers" ? servers : tools;
  const shown = names.slice(0, MAX_NAMED).map((name) => safeLine(name, MAX_NAME)).join(", ") || "(none)";
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
  return `${holder} is for the ${bound} ${shown}${more} alone.`;
}

/**
 * Whether a credential is for this server, and for this tool where it names tools; `tool` is empty for what calls none.
 * A task that names tools is for calling those: prompts and resources stay a matter of policy.
 */
export function isInScope(identity: Pick<Identity, "servers" | "tools">, server: string, tool: string): boolean {
  if (identity.servers && !identity.servers.includes(server)) return false;
  return tool === "" || !identity.tools || identity.tools.includes(tool);
}

import type { Identity } from "./identity.ts";

/**
 * Whether a credential is for this server, and for this tool where it names tools; `tool` is empty for what calls none.
 * A task that names tools is for calling those: prompts and resources stay a matter of policy.
 */
export function isInScope(identity: Pick<Identity, "servers" | "tools">, server: string, tool: string): boolean {
  if (identity.servers && !identity.servers.includes(server)) return false;
  return tool === "" || !identity.tools || identity.tools.includes(tool);
}

import { paramHeaders, paramMismatch, type ParamHeader } from "../era/param-headers.ts";
import { parseDefinition, type KnownTool } from "../registry/pins/index.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { ControlState } from "../state/control-state.ts";
import { HEADER_MISMATCH } from "../transport/rpc-error.ts";
import type { Exchange } from "./exchange.ts";
import { refusal, type Refusal } from "./refusal.ts";

/** What a definition asks for; a tool that changes is another object. */
const wantedBy = new WeakMap<KnownTool, readonly ParamHeader[]>();

/**
 * A call of the newest revision whose `Mcp-Param-*` headers do not say what its arguments say, which somebody may have been
 * routed by. Goes by the tool's definition as it was last listed: of one that was not, the server alone knows.
 */
export function paramFault({ call, request }: Exchange, entry: ServerEntry, state: ControlState): Refusal | null {
  if (!call.modern || call.tool === "" || call.serverVersion !== entry.version) return null;
  const known = state.tools.get(entry.name)?.get(call.tool);
  if (known === undefined || known.definition === "") return null;
  let wanted = wantedBy.get(known);
  if (wanted === undefined) wantedBy.set(known, (wanted = paramHeaders(parseDefinition(known.definition)?.inputSchema)));
  if (wanted.length === 0) return null;
  const header = paramMismatch(wanted, call.message?.params?.arguments, request.headers);
  return header === null ? null : refusal(400, HEADER_MISMATCH, "header_mismatch", `the header ${header} does not repeat the argument that the tool's definition names`);
}

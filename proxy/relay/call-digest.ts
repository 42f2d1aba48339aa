import { requestDigest } from "../people/request-digest.ts";
import type { ControlState } from "../state/control-state.ts";
import type { Call } from "./call.ts";
import type { Digester } from "./digest.ts";

/** Names a call as approvals and kept results know it: the request, the version and the definition that it goes to. */
export function callDigest(call: Call, state: ControlState, digester: Digester): string {
  const { method, serverName: server, tool, message, entry } = call;
  const definitionHash = state.tools.get(server)?.get(tool)?.hash ?? "";
  const serverVersion = call.serverVersion || (entry?.version ?? "");
  return requestDigest({ method, server, serverVersion, definitionHash, params: message?.params ?? null }, (text) => digester.text(text));
}

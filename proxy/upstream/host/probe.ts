import { CLIENT_CAPABILITIES_KEY, CLIENT_INFO_KEY, FIRST_MODERN, PROTOCOL_VERSION_KEY, isModernVersion } from "../../era/classify.ts";
import { isObject, type JsonObject } from "../../transport/envelope.ts";
import type { CallHeaders } from "./child.ts";
import type { Launcher } from "./launcher.ts";
import { statusFor } from "./pending-answer.ts";

export type Probe =
  | { readonly kind: "modern"; readonly versions: readonly string[] }
  | { readonly kind: "legacy" }
  | { readonly kind: "unavailable" };

/**
 * Asks a server what it speaks, in a process that is thrown away: some servers exit at a message they do not know, and
 * others take their era from the first one they read. Any answer but a proper one counts as the older protocol.
 */
export async function probeEra(launcher: Launcher, timeoutMs: number, headers: CallHeaders): Promise<Probe> {
  let answered: (message: JsonObject) => void = () => {};
  const answer = new Promise<JsonObject>((resolve) => (answered = resolve));
  const child = launcher.start((message) => {
    if (message.method === undefined && message.id === "signalbox-probe") answered(message);
  });
  if (child === null || !child.started) return { kind: "unavailable" };
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), timeoutMs)));
  const _meta = { [PROTOCOL_VERSION_KEY]: FIRST_MODERN, [CLIENT_INFO_KEY]: { name: "signalbox", version: "0" }, [CLIENT_CAPABILITIES_KEY]: {} };
  const sent = child.send(JSON.stringify({ jsonrpc: "2.0", id: "signalbox-probe", method: "server/discover", params: { _meta } }), headers);
  const message = sent ? await Promise.race([answer, silence, child.exited.then(() => null)]) : null;
  clearTimeout(timer);
  void launcher.stop(child);
  // A server that could not be reached has not said what it speaks.
  if (isObject(message?.error) && (statusFor(message.error) !== 200 || Number(message.error.code) >= 50000)) return { kind: "unavailable" };
  return readVersions(message);
}

function readVersions(message: JsonObject | null): Probe {
  const versions = isObject(message?.result) ? message.result.supportedVersions : undefined;
  if (!Array.isArray(versions)) return { kind: "legacy" };
  const modern = versions.filter((v): v is string => isModernVersion(v));
  return modern.length > 0 ? { kind: "modern", versions: modern } : { kind: "legacy" };
}

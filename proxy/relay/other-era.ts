import type { IncomingHttpHeaders } from "node:http";
import { BRIDGE_SESSION } from "../upstream/host/hosted-path.ts";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { BridgeWay, Upstream } from "../upstream/upstreams.ts";
import { isModernVersion } from "../era/classify.ts";
import { isObject } from "../transport/envelope.ts";
import { HEADER_MISMATCH, UNSUPPORTED_VERSION } from "../transport/rpc-error.ts";
import type { Call } from "./call.ts";

/** How long a server is taken for what it turned out to be; it may be replaced by another behind the same URL. */
const KNOWN_MS = 5 * 60_000;
/** A longer answer is no refusal of a message's era. */
export const MAX_REFUSAL_BYTES = 64 * 1024;
const MISSING_CAPABILITY = -32021;

/** Where a message goes: to the server, or around through the bridge where it is known that the two share no era. */
export function wayFor(call: Call, upstream: Upstream, clock: Clock): Upstream {
  const { bridge } = upstream;
  if (bridge === undefined) return upstream;
  if (!call.modern) return call.sessionId.startsWith(BRIDGE_SESSION) ? bridge.upstream : upstream;
  return bridge.legacyUntilMs !== 0 && clock.nowMs() < bridge.legacyUntilMs ? bridge.upstream : upstream;
}

/** Whether an answer may say that the server does not speak the era of what it was sent: it is then read before it is passed on. */
export function mayRefuseEra({ message, method, modern }: Call, { modernUntilMs }: BridgeWay, status: number, headers: IncomingHttpHeaders, clock: Clock): boolean {
  // With these a conversation opens, and they are refused with any status.
  const opens = modern ? method === "server/discover" : method === "initialize";
  if (status < 400) return opens && String(headers["content-type"] ?? "").startsWith("application/json");
  if (!(opens || modern) || message?.kind !== "request" || !refusing.has(status)) return false;
  return !modern || modernUntilMs === 0 || clock.nowMs() >= modernUntilMs;
}

/** What servers refuse messages with that they can't make sense of. Not among them: anything about who asks, or a server that is not well. */
const refusing: ReadonlySet<number> = new Set([400, 404, 405, 406, 415, 422]);

/** Pure. Whether a refusal leaves it open that the server speaks the other era. */
export function refusesEra(modern: boolean, status: number, body: Buffer): boolean {
  const error = errorOf(body);
  if (status < 400) return error !== null;
  if (!modern || error === null) return true;
  if (error.code === HEADER_MISMATCH || error.code === MISSING_CAPABILITY) return false;
  const supported = error.code === UNSUPPORTED_VERSION && isObject(error.data) ? error.data.supported : undefined;
  return !(Array.isArray(supported) && supported.some(isModernVersion));
}

function errorOf(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return isObject(value) && isObject(value.error) ? value.error : null;
  } catch {
    return null;
  }
}

export function noteLegacy(bridge: BridgeWay, nowMs: number): void {
  bridge.legacyUntilMs = nowMs + KNOWN_MS;
  bridge.modernUntilMs = 0;
}

export function noteModern(bridge: BridgeWay, nowMs: number): void {
  bridge.modernUntilMs = nowMs + KNOWN_MS;
  bridge.legacyUntilMs = 0;
}

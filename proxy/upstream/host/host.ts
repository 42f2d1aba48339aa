import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../../collector/kernel/clock.ts";
import { SignalboxError } from "../../../collector/kernel/errors.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../../collector/kernel/log.ts";
import { NewClientBridge } from "../../era/bridge/new-client.ts";
import { OldClientBridge } from "../../era/bridge/old-client.ts";
import { classify } from "../../era/classify.ts";
import { expandPlaceholders } from "../../registry/placeholders.ts";
import { resolveCommand } from "../../registry/resolve-command.ts";
import type { Endpoint, RegistrySnapshot } from "../../registry/server-entry.ts";
import { parseMessage } from "../../transport/envelope.ts";
import { readBody } from "../../transport/read-body.ts";
import { TOO_LARGE, UNKNOWN_SERVER, UPSTREAM_FAILED } from "../../transport/rpc-error.ts";
import { startChild } from "./child.ts";
import { between } from "./bridged-child.ts";
import type { CallHeaders } from "./child.ts";
import { BRIDGE_SESSION, CALLER_HEADER, hostedEndpoint, PRINCIPAL_HEADER } from "./hosted-path.ts";
import { openHttp } from "./http-connection.ts";
import { Launcher, type OpenChild } from "./launcher.ts";
import { LegacySessions } from "./legacy-sessions.ts";
import { replyError } from "./pending-answer.ts";
import { SharedChildren } from "./shared-children.ts";
import { openSse } from "./sse-connection.ts";

export interface StdioHostOptions {
  readonly socketPath: string;
  readonly registry: () => RegistrySnapshot;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  readonly maxResultBytes: number;
  /** A session, and the shared process, end after so long without use. */
  readonly idleMs?: number;
  readonly probeMs?: number;
  /** How long a server over Streamable HTTP is taken for what it said it speaks. */
  readonly probeTtlMs?: number;
}

const IDLE_MS = 10 * 60_000;
/** Longer than the workers keep an idle connection: the host never closes one on which a request is on its way. */
const KEEP_ALIVE_MS = 65_000;
const PROBE_MS = 10_000;
const PROBE_TTL_MS = 5 * 60_000;
/** With a server over Streamable HTTP, of the clients whose era it does not speak. */
const MAX_BRIDGED_SESSIONS = 256;
/** What the operating system accepts for the path of a socket. */
const MAX_SOCKET_PATH = 103;

/** What runs for one version of a server. */
interface Hosted {
  readonly endpoint: Endpoint;
  readonly launcher: Launcher;
  readonly sessions: LegacySessions;
  readonly shared: SharedChildren;
}

/**
 * Owns the processes of all stdio servers, and the streams of those that speak HTTP+SSE, and serves them as Streamable HTTP
 * on a unix socket, so that the workers see one more HTTP upstream, and a session's process is there for whichever worker gets
 * its next message. For the same reason it is here that protocol eras are bridged, and to servers over Streamable HTTP then
 * too: a bridge has to remember what goes on between a client and a server.
 */
export async function startStdioHost(options: StdioHostOptions): Promise<Stoppable> {
  if (options.socketPath.length > MAX_SOCKET_PATH) {
    throw new SignalboxError("E_SOCKET_PATH", `the path ${options.socketPath} is too long for a socket`, { remedy: "choose a shorter data directory (SIGNALBOX_DATA_DIR)" });
  }
  const hosted = new Map<string, Hosted>();
  let served: RegistrySnapshot | undefined;
  const server = createServer({ requestTimeout: 60_000, keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    void serve(request, response).catch((error: unknown) => {
      options.logger.warn({ err: error }, "a message to a stdio server could not be handled");
      replyError(response, 502, null, UPSTREAM_FAILED, "The server's process could not be started.");
    });
  });
  mkdirSync(dirname(options.socketPath), { recursive: true });
  rmSync(options.socketPath, { force: true });
  await listen(server, options.socketPath);

  let stopping: Promise<void> | undefined;
  return { stop: () => (stopping ??= stop()) };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = hostedFor(request.url ?? "");
    if (!found) return replyError(response, 404, null, UNKNOWN_SERVER, "There is no such server.");
    const sessionId = request.headers["mcp-session-id"] as string | undefined;
    if (request.method === "GET") return found.sessions.listen(sessionId, response);
    if (request.method === "DELETE") return found.sessions.end(sessionId, response);
    const body = await readBody(request, options.maxBodyBytes * 2);
    if (body.kind !== "whole") return replyError(response, 413, null, TOO_LARGE, "The message is too large.");
    const parsed = parseMessage(body.bytes);
    if (!parsed.ok) return replyError(response, 400, parsed.fault.id, parsed.fault.code, parsed.fault.message);
    const { message } = parsed;
    const era = classify(message, {
      version: request.headers["mcp-protocol-version"] as string | undefined,
      method: request.headers["mcp-method"] as string | undefined,
      name: request.headers["mcp-name"] as string | undefined,
    });
    if (era.era === "refused") return replyError(response, 400, message.id, era.code, era.message);
    const headers = callHeaders(request);
    if (era.era === "legacy") return found.sessions.post(message, sessionId, headers, response);
    const from = { principal: whose(found.endpoint, request.headers[PRINCIPAL_HEADER]), caller: String(request.headers[CALLER_HEADER] ?? "") };
    await found.shared.post(from, message, era.protocolVersion, headers, response);
  }

  /** What a path stands for, started anew where the registry now says something else about it. */
  function hostedFor(path: string): Hosted | null {
    const registry = options.registry();
    if (registry !== served) endChanged((served = registry));
    const found = hosted.get(path);
    if (found) return found;
    const endpoint = hostedEndpoint(registry, path);
    if (!endpoint) return null;
    const { transport } = endpoint;
    const most = transport === "sse" ? endpoint.maxSessions : transport === "stdio" ? endpoint.maxProcesses : MAX_BRIDGED_SESSIONS;
    const alwaysBridged = transport === "streamable-http";
    // Beside the sessions: the one that is shared, and one that is being asked what it speaks.
    const maxChildren = transport === "stdio" && endpoint.perPrincipal ? most : 1;
    const launcher = new Launcher({ open: opener(endpoint, path), maxProcesses: most + maxChildren + 1, clock: options.clock });
    const idleMs = options.idleMs ?? IDLE_MS;
    const { clock } = options;
    const probeMs = options.probeMs ?? PROBE_MS;
    const toNew = between(() => new OldClientBridge(), clock);
    const toOld = between(() => new NewClientBridge(randomUUID), clock);
    const made: Hosted = {
      endpoint,
      launcher,
      sessions: new LegacySessions(launcher, { idleMs, maxSessions: most, alwaysBridged, idPrefix: alwaysBridged ? BRIDGE_SESSION : "", ...(transport === "sse" ? {} : { bridge: toNew }) }),
      shared: new SharedChildren(launcher, { idleMs, maxChildren, maxBridged: most, isLegacy: transport === "sse", alwaysBridged, probeMs, probeTtlMs: options.probeTtlMs ?? PROBE_TTL_MS, bridge: toOld, clock }),
    };
    hosted.set(path, made);
    return made;
  }

  function opener(endpoint: Endpoint, path: string): OpenChild {
    const logger = options.logger.child({ server: path.slice(1) });
    const maxLineBytes = options.maxResultBytes;
    if (endpoint.transport === "stdio") return (onMessage) => startChild({ command: resolveCommand(endpoint, options), onMessage, logger, maxLineBytes, maxMemoryBytes: endpoint.maxMemoryBytes });
    return (onMessage) => {
      const headers = Object.fromEntries(Object.entries(endpoint.headers).map(([name, value]) => [name.toLowerCase(), expandPlaceholders(value, options)]));
      const url = new URL(endpoint.url);
      return endpoint.transport === "sse" ? openSse({ url, headers, onMessage, logger, maxLineBytes }) : openHttp({ url, headers, onMessage, logger });
    };
  }

  /** Ends what the registry no longer has, has retired, or starts in another way. */
  function endChanged(registry: RegistrySnapshot): void {
    for (const [path, one] of hosted) {
      const endpoint = hostedEndpoint(registry, path);
      if (endpoint && isDeepStrictEqual(endpoint, one.endpoint)) continue;
      hosted.delete(path);
      void end(one);
    }
  }

  async function end(one: Hosted): Promise<void> {
    await Promise.all([one.sessions.stop(), one.shared.stop()]);
    await one.launcher.stopAll();
  }

  async function stop(): Promise<void> {
    server.close();
    await Promise.all([...hosted.values()].map(end));
    server.closeAllConnections();
    rmSync(options.socketPath, { force: true });
  }
}

function callHeaders({ headers }: IncomingMessage): CallHeaders {
  const { authorization, traceparent } = headers;
  return { ...(authorization === undefined ? {} : { authorization }), ...(typeof traceparent === "string" ? { traceparent } : {}) };
}

/** Sessions of old-era clients have a process each in any case. */
function whose(endpoint: Endpoint, principal: string | string[] | undefined): string {
  return endpoint.transport === "stdio" && endpoint.perPrincipal && typeof principal === "string" ? principal : "";
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      // The workers alone may speak to it: whoever can write here is past every rule.
      chmodSync(path, 0o600);
      resolve();
    });
  });
}

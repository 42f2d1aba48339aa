import type { IncomingMessage, ServerResponse } from "node:http";
import { CLIENT_INFO_KEY, classify, metaOf } from "../era/classify.ts";
import { isObject, parseMessage, type JsonObject, type Message } from "../transport/envelope.ts";
import { readBody, type Body } from "../transport/read-body.ts";
import { taskKey } from "../handling/flow/index.ts";
import { unwrapRound } from "../people/hold-answer.ts";
import type { Identity } from "../identity/identity.ts";
import { presentedToken } from "../identity/oauth/presented-token.ts";
import { toolFacts } from "../registry/callable.ts";
import { isForCaller } from "../registry/oauth-credential.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { Upstream } from "../upstream/upstreams.ts";
import { admit } from "./admit.ts";
import { Call } from "./call.ts";
import { Exchange, type RelayContext } from "./exchange.ts";
import { forward, noCredential, type ForwardOptions } from "./forward.ts";
import { govern } from "./govern.ts";
import { refusal, refusals, type Refusal } from "./refusal.ts";
import * as rpc from "../transport/rpc-error.ts";
import { inboundParent, newTraceId } from "./trace.ts";
import { continuesUnrecorded } from "./unrecorded.ts";

/** Relays one HTTP request to `/mcp/{server}`. Never rejects: whatever happens has been recorded and answered. */
export async function relay(context: RelayContext, serverName: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const exchange = new Exchange(context, new Call(context.clock), request, response);
  try {
    const { call } = exchange;
    if (request.method === "GET") call.method = "transport/stream";
    else if (request.method === "DELETE") call.method = "transport/session-end";
    const admitted = admit(exchange, serverName);
    let refused = (admitted instanceof Promise ? await admitted : admitted) ?? (request.method === "POST" ? checkHeaders(request) : readSession(exchange));
    if (refused === null && request.method === "POST") {
      const body = await readBody(request, context.config.maxBodyBytes);
      if (body.kind === "cut_off") return recordCutOff(exchange, body.received);
      refused = readMessage(exchange, body);
    }
    if (refused) return await exchange.refuse(refused);
    await decideAndForward(exchange);
  } catch (error) {
    context.logger.error({ err: error }, "relaying failed");
    if (exchange.recorded) response.destroy();
    else await exchange.refuse(internalError);
  }
}

const internalError: Refusal = { status: 500, code: -32603, message: "The proxy failed to relay this message.", outcome: "transport_error", errorType: "proxy_error" };

function checkHeaders({ headers }: IncomingMessage): Refusal | null {
  if (!isJson(headers["content-type"])) return refusals.mediaType;
  return acceptsAnswers(headers.accept) ? null : refusals.notAcceptable;
}

/** Its sender left before the message was whole, and can't be answered. */
function recordCutOff(exchange: Exchange, received: number): void {
  exchange.call.requestBytes = received;
  exchange.record({ outcome: "cancelled", errorType: "cancelled", httpStatus: 0 }).durable.catch(() => {});
}

/** Checks the message in a POST and takes it up. */
function readMessage(exchange: Exchange, body: Exclude<Body, { kind: "cut_off" }>): Refusal | null {
  const { call } = exchange;
  call.requestBytes = body.kind === "whole" ? body.bytes.length : body.received;
  if (body.kind === "too_large") return refusals.tooLarge;
  const parsed = parseMessage(body.bytes);
  if (!parsed.ok) {
    const { code, message, id } = parsed.fault;
    call.faultId = id;
    return refusal(400, code, "malformed", message);
  }
  const { message, answered } = unwrapRound(parsed.message);
  call.answeredRound = answered;
  return acceptMessage(exchange, message);
}

function acceptMessage(exchange: Exchange, message: Message): Refusal | null {
  const { call } = exchange;
  const { headers } = exchange.request;
  call.message = message;
  if (message.kind !== "response" && isOurs(message.method)) return refusal(400, rpc.METHOD_NOT_FOUND, "method_not_allowed", "No method of the protocol has this name.");
  call.method = message.method;
  const era = classify(message, {
    version: single(headers["mcp-protocol-version"]),
    method: single(headers["mcp-method"]),
    name: single(headers["mcp-name"]),
  });
  call.protocolVersion = era.protocolVersion;
  call.modern = era.era === "modern";
  const fault = readTarget(call, message);
  noteClient(call, message);
  noteTrace(exchange, message.params);
  if (era.era === "refused") return refusal(400, era.code, era.code === rpc.HEADER_MISMATCH ? "header_mismatch" : "malformed", era.message);
  if (fault) return refusal(400, rpc.INVALID_PARAMS, "malformed", fault);
  return call.modern ? null : openSession(exchange);
}

/** Names by which records and rules know what is no request: as a method of a message they would stand for something else. */
const isOurs = (method: string): boolean => method === "response" || method.startsWith("transport/") || method.startsWith("audit/");

/** A stream or the end of a session: there is no message in it, and only the older revisions have either. */
function readSession(exchange: Exchange): Refusal | null {
  exchange.call.protocolVersion = single(exchange.request.headers["mcp-protocol-version"]) ?? "";
  noteTrace(exchange, null);
  return openSession(exchange);
}

/** The session that a message names must be its sender's own. */
function openSession({ call, request, context }: Exchange): Refusal | null {
  const sealed = single(request.headers["mcp-session-id"]);
  if (sealed === undefined || call.identity === null) return null;
  const { agent, principal } = call.identity;
  const sessionId = context.sessions.open(sealed, { server: call.serverName, agent, principal });
  if (sessionId === null) return refusals.noSession;
  call.sessionId = sessionId;
  return null;
}

/** What the message is aimed at, read once: rules, record and upstream then mean the same. */
function readTarget(call: Call, message: Message): string | null {
  const { params } = message;
  switch (message.method) {
    case "tools/call":
      if (!isName(params?.name)) return "params.name must be a string";
      call.tool = params.name;
      return params.arguments === undefined || isObject(params.arguments) ? null : "params.arguments must be an object";
    case "prompts/get":
      if (!isName(params?.name)) return "params.name must be a string";
      call.prompt = params.name;
      return params.arguments === undefined || isObject(params.arguments) ? null : "params.arguments must be an object";
    case "resources/subscribe":
    case "resources/unsubscribe":
      // Gone from the newest revision, whose servers answer "no such method" before they look for a uri.
      if (params?.uri === undefined) return null;
      return readUri(call, params);
    case "resources/read":
      return readUri(call, params);
    case "completion/complete":
      return readReference(call, params?.ref);
    case "subscriptions/listen":
      return readHeardOf(call, params?.notifications);
    default:
      return null;
  }
}

/** What a record names must be text that it can hold: see `isId`. */
const isName = (value: unknown): value is string => typeof value === "string" && value.isWellFormed();

/** What a completion is for. */
function readReference(call: Call, ref: unknown): string | null {
  if (!isObject(ref)) return "params.ref must be an object";
  if (ref.type === "ref/prompt") {
    if (!isName(ref.name)) return "params.ref.name must be a string";
    call.prompt = ref.name;
  } else if (ref.type === "ref/resource") {
    if (!isName(ref.uri)) return "params.ref.uri must be a string";
    call.resourceUri = ref.uri;
  } else return "params.ref.type must be ref/prompt or ref/resource";
  return null;
}

/** Each is judged: more than a client can have use for would only cost. */
const MAX_HEARD_OF = 1000;

function readHeardOf(call: Call, notifications: unknown): string | null {
  const uris = isObject(notifications) ? notifications.resourceSubscriptions : undefined;
  if (uris === undefined) return null;
  if (!Array.isArray(uris) || uris.length > MAX_HEARD_OF || !uris.every(isName)) return `params.notifications.resourceSubscriptions must be a list of at most ${MAX_HEARD_OF} strings`;
  call.heardOf = uris;
  return null;
}

function readUri(call: Call, params: JsonObject | null): string | null {
  if (!isName(params?.uri)) return "params.uri must be a string";
  call.resourceUri = params.uri;
  return null;
}

/** Clients say their own names: good for a record, worth nothing in a decision. */
function noteClient(call: Call, message: Message): void {
  const info = message.method === "initialize" ? message.params?.clientInfo : metaOf(message.params)?.[CLIENT_INFO_KEY];
  if (!isObject(info)) return;
  if (typeof info.name === "string") call.clientName = info.name;
  if (typeof info.version === "string") call.clientVersion = info.version;
}

/** The caller's flags are not looked at: being recorded is not theirs to choose. */
function noteTrace({ call, request }: Exchange, params: JsonObject | null): void {
  const parent = inboundParent(params, request.headers.traceparent);
  call.traceId = parent?.traceId ?? newTraceId();
  call.parentSpanId = parent?.spanId ?? "";
}

/** A promise only where somebody has to be waited for: most calls are on their way to the server when this returns. */
function decideAndForward(exchange: Exchange): void | Promise<void> {
  const { entry, identity } = exchange.call;
  if (entry === null || identity === null) throw new Error("a message was admitted without its server or its sender");
  const governed = govern(exchange, entry, identity);
  if (typeof governed !== "boolean") return governed.then((goesOn) => (goesOn ? sendOn(exchange, entry, identity) : undefined));
  return governed ? sendOn(exchange, entry, identity) : undefined;
}

function sendOn(exchange: Exchange, entry: ServerEntry, identity: Identity): void | Promise<void> {
  const { call, context } = exchange;
  let upstream: Upstream;
  try {
    upstream = context.upstreams.of(entry, call.serverVersion);
  } catch (error) {
    context.logger.warn({ err: error, server: entry.name }, "the server's endpoint cannot be used");
    return exchange.refuse(unaddressable);
  }
  call.upstreamAddress = upstream.address;
  call.transport = upstream.transport;
  const { headers, socket } = exchange.request;
  const caller = isForCaller(entry.credential?.oauth) ? presentedToken(headers.authorization, socket) : null;
  const authorization = context.credentials?.authorizationFor(entry, caller) ?? null;
  const go = (credential: string | null): void => {
    const { method } = exchange.request;
    if (call.tool !== "") context.activity.noteCall(taskKey(identity), toolFacts(entry, call.tool).effect, context.clock.nowMs());
    const longLived = method === "GET" || call.method === "subscriptions/listen";
    forward(exchange, upstream, { method: method as ForwardOptions["method"], longLived, authorization: credential, notAccepted: (refused) => context.credentials?.notAccepted(entry, caller, refused) ?? null });
  };
  const send = (credential: string | null): void | Promise<void> => {
    const unrecorded = !context.audit.available && continuesUnrecorded(context.config, entry);
    return entry.riskTier === "high" && !unrecorded ? afterIntent(exchange, () => go(credential)) : go(credential);
  };
  return authorization instanceof Promise ? withCredential(exchange, authorization, send) : send(authorization);
}

/** The client may have left by the time that the credential is there; without one nothing is forwarded. */
async function withCredential(exchange: Exchange, authorization: Promise<string>, send: (credential: string) => void | Promise<void>): Promise<void> {
  let credential: string;
  try {
    credential = await authorization;
  } catch (error) {
    exchange.context.logger.warn({ err: error, server: exchange.call.serverName }, "the proxy has no credential for this server");
    return exchange.refuse(noCredential);
  }
  if (!exchange.response.destroyed) return send(credential);
  exchange.record({ outcome: "cancelled", errorType: "cancelled", httpStatus: 0 }).durable.catch(() => {});
}

/** The client may have left by the time that the intent is durable. */
async function afterIntent(exchange: Exchange, go: () => void): Promise<void> {
  const { audit, config } = exchange.context;
  try {
    exchange.intent = await audit.intend(exchange.call.draft({ outcome: "interrupted", errorType: "interrupted", httpStatus: 0 }));
  } catch (error) {
    if (!continuesUnrecorded(config, exchange.call.entry)) return exchange.unrecorded(error);
  }
  if (!exchange.response.destroyed) return go();
  exchange.record({ outcome: "cancelled", errorType: "cancelled", httpStatus: 0 }).durable.catch(() => {});
}

const unaddressable: Refusal = { status: 502, code: rpc.UPSTREAM_FAILED, message: "The server's endpoint is not usable as configured.", outcome: "transport_error", errorType: "endpoint_config" };

export function isJson(contentType: string | undefined): boolean {
  if (contentType === "application/json") return true;
  return contentType !== undefined && /^application\/json\s*(;|$)/i.test(contentType);
}

/** Whether the caller can read any form of answer; which of them is the upstream's choice. */
function acceptsAnswers(accept: string | undefined): boolean {
  return accept === undefined || /application\/(json|\*)|text\/(event-stream|\*)|\*\/\*/i.test(accept);
}

const single = (value: string | string[] | undefined): string | undefined => (typeof value === "string" ? value : value?.[0]);

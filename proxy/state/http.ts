import { STATUS_CODES } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import { ANONYMOUS, type Authenticator, type Identity } from "../identity/identity.ts";
import type { HostCheck } from "../transport/host-check.ts";
import type { Actor, Control, Decided } from "./command.ts";

/** What the routes of the control API work with. */
export interface ControlApiOptions {
  readonly control: Control;
  /** Asked for every request, as for calls. */
  readonly authenticate: Authenticator["authenticate"];
  readonly hosts: HostCheck;
  readonly clock: Clock;
  readonly logger: Logger;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; set on every route of the control API. */
    caller: Identity | null;
  }
}

const BODY_BYTES = 64 * 1024;

/** A failure as RFC 9457 has it; `code` is stable, `remedy` says what to do. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly remedy?: string;
}

export function replyProblem(reply: FastifyReply, { status, code, detail, remedy }: Problem): FastifyReply {
  return reply
    .code(status)
    .type("application/problem+json")
    .send(JSON.stringify({ type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, code, detail, ...(remedy === undefined ? {} : { remedy }) }));
}

export function replyRefused(reply: FastifyReply, { status, code, message, remedy }: Extract<Decided, { ok: false }>): FastifyReply {
  if (status === 503 || status === 429) reply.header("retry-after", "1");
  return replyProblem(reply, { status, code, detail: message, ...(remedy === undefined ? {} : { remedy }) });
}

/** The answer to a decided command; `body` is its result unless said otherwise. Adds on how many workers it is in force. */
export function replyDecided(reply: FastifyReply, decided: Decided, status = 200, body?: object): FastifyReply {
  if (!decided.ok) return replyRefused(reply, decided);
  const answer = body ?? (decided.result as object);
  return reply.code(status).send(decided.workers ? { ...answer, workers: decided.workers } : answer);
}

/** The one who asks, for deciders. */
export function actorOf(request: FastifyRequest): Actor {
  const { caller } = request;
  if (caller === null) throw new Error("this route is not behind the control API's scope");
  const { principal, agent, roles = ["agent"], taskId, servers, tools, taskClasses } = caller;
  return {
    principal,
    agent,
    roles,
    ...(taskId === "" ? {} : { taskId }),
    ...(servers ? { servers } : {}),
    ...(tools ? { tools } : {}),
    ...(taskClasses ? { taskClasses } : {}),
  };
}

/**
 * What every route of a fastify scope shares: Host and Origin are names that are known, the caller has a credential of
 * their own, bodies are JSON of at most 64 KB, nothing is cached, and failures are problem documents. Called first
 * in a plugin of its own, whose routes then use `actorOf` and `replyDecided`.
 */
export function controlScope(scope: FastifyInstance, options: ControlApiOptions): void {
  const { authenticate, hosts, clock, logger } = options;
  scope.removeAllContentTypeParsers();
  const parse = scope.getDefaultJsonParser("error", "error");
  scope.addContentTypeParser("application/json", { parseAs: "string", bodyLimit: BODY_BYTES }, (request, body, done) => {
    // A DELETE may say that it has JSON and have none.
    if (body.length === 0) return done(null, undefined);
    return parse(request, body as string, done);
  });
  scope.decorateRequest("caller", null);

  scope.addHook("onRequest", async (request, reply) => {
    reply.header("cache-control", "no-store");
    const { headers } = request;
    if (!hosts.allows(headers.host, headers.origin)) {
      return replyProblem(reply, { status: 403, code: "E_ORIGIN", detail: "the Host or Origin header names a place that this proxy does not serve" });
    }
    const apiKey = headers["x-api-key"];
    const who = authenticate(headers.authorization, typeof apiKey === "string" ? apiKey : undefined, clock.nowMs());
    // Callers without a credential may be welcome to call; they change nothing.
    if (who.ok && who.identity.credentialId !== ANONYMOUS) {
      request.caller = who.identity;
      return;
    }
    reply.header("www-authenticate", 'Bearer realm="signalbox"');
    const detail = who.ok ? "a credential is needed" : unauthenticated[who.why];
    return replyProblem(reply, { status: 401, code: "E_UNAUTHENTICATED", detail, remedy: "send Authorization: Bearer <key>; `signalbox keys create` makes one" });
  });

  scope.setErrorHandler((error: Error & { statusCode?: number; code?: string }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return replyProblem(reply, { status, ...(badRequests[error.code ?? ""] ?? { code: "E_REQUEST", detail: "the request cannot be read" }) });
    logger.error({ err: error }, "a control request failed");
    return replyProblem(reply, { status: 500, code: "E_INTERNAL", detail: "the proxy failed to answer this" });
  });
}

const unauthenticated = {
  missing: "a credential is needed",
  unknown: "this credential is not known",
  expired: "this key has expired",
  revoked: "this key is revoked",
  task_closed: "this task is closed",
  task_expired: "this task has expired",
  token_invalid: "this token is not accepted here",
  token_expired: "this token has expired",
  token_audience: "this token is for something else",
  unavailable: "this token cannot be checked now",
} as const;

const badRequests: Readonly<Record<string, { code: string; detail: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: "E_TOO_LARGE", detail: "the body is larger than 64 KB" },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: "E_MEDIA_TYPE", detail: "Content-Type must be application/json" },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: "E_JSON", detail: "the body is not JSON" },
};

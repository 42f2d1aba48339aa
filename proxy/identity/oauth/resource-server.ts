import { decodeJwt } from "jose";
import type { Clock } from "../../../collector/kernel/clock.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../../collector/kernel/log.ts";
import { secretSource } from "../../../collector/kernel/secret-place.ts";
import { compilePatterns, fits, type Patterns } from "../../policy/pattern.ts";
import type { Control } from "../../state/command.ts";
import type { TaskState } from "../../state/control-state.ts";
import type { Authentication, Identity, TokenFault } from "../identity.ts";
import { bearerChallenge, metadataUrlOf, type Challenge } from "./challenge.ts";
import { readClaims, type TokenFacts } from "./claims.ts";
import type { IssuerConfig, OAuthConfig } from "./config.ts";
import type { JsonObject } from "./fetch-json.ts";
import { createIntrospector } from "./introspect.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import type { PresentedToken } from "./presented-token.ts";
import { isOwnTask } from "../task-token.ts";
import { inRegisteredTask } from "./registered-task.ts";
import { createScopeRules } from "./scopes.ts";
import { TokenCache } from "./token-cache.ts";
import { verifyJwt, type Verified } from "./verify-jwt.ts";

/** The OAuth 2.1 resource server that each server under this proxy is (MCP 2026-07-28, basic/authorization). */
export interface ResourceServer extends Stoppable {
  /** Who calls this server with it. A promise where it has not been checked lately; never rejects. */
  authenticate(presented: PresentedToken, server: string, nowMs: number): Authentication | Promise<Authentication>;
  /** Every scope that a call needs, where its sender has not all of them; null where nothing is missing. */
  missingScopes(identity: Identity, server: string, effect: string): readonly string[] | null;
  /** What a refusal says in WWW-Authenticate; without scopes, those that every message needs. */
  challenge(server: string, what?: Partial<Pick<Challenge, "error" | "description" | "scopes">>): string;
  /** RFC 9728, of one server. */
  metadata(server: string): object;
}

export interface ResourceServerOptions {
  readonly config: OAuthConfig;
  /** The URL that agents reach the proxy under. */
  readonly publicUrl: () => string;
  readonly control: Pick<Control, "state">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What files with secrets are relative to. */
  readonly baseDir: string;
  readonly fetch?: typeof fetch;
}

interface Issuer {
  readonly config: IssuerConfig;
  readonly servers: Patterns | null;
  /** Absent where the issuer is asked about each token. */
  readonly keys?: IssuerKeys;
  readonly introspect?: (token: string) => Promise<JsonObject | null>;
}

/** A token that was found good: what it says, and the keys that it was checked with. */
interface Checked {
  readonly issuer: Issuer;
  readonly facts: TokenFacts;
  readonly epoch: number;
  readonly accepted: Authentication;
  /** The answer of the task that it names, which holds as long as that task is as it was. */
  inTask: { readonly task: TaskState | undefined; readonly answer: Authentication } | null;
}

const MAX_CHECKED = 10_000;
const MAX_REFUSED = 1000;
/** A token that was refused is looked at again after this, and not at each of its sender's attempts. */
const REFUSED_FOR_MS = 5000;
/** At once; beyond it the answer is to try again. */
const MAX_CHECKING = 256;

const fault = (why: TokenFault | "task_closed" | "task_expired"): Authentication => Object.freeze({ ok: false, why });
const faults = { invalid: fault("token_invalid"), expired: fault("token_expired"), audience: fault("token_audience"), unavailable: fault("unavailable"), taskClosed: fault("task_closed"), taskExpired: fault("task_expired") } as const;

export function createResourceServer(options: ResourceServerOptions): ResourceServer {
  const { config, control, clock, logger } = options;
  const stopping = new AbortController();
  const rules = createScopeRules(config.scopes);
  const issuers = createIssuers(options, stopping.signal);
  const asked = [...issuers.values()].find((issuer) => issuer.introspect);
  const checked = new TokenCache<Checked>(MAX_CHECKED);
  const refused = new TokenCache<Authentication>(MAX_REFUSED);
  const checking = new Map<string, Promise<Checked | Authentication>>();

  const resourceOf = (server: string): string => `${options.publicUrl().replace(/\/$/, "")}/mcp/${server}`;
  const serverOf = (location: string): string | null => {
    const base = resourceOf("");
    const server = location.startsWith(base) ? location.slice(base.length) : "";
    return /^[a-z0-9-]+$/.test(server) ? server : null;
  };

  /** Everything that can change while a token counts as checked, or differs from server to server. */
  function answer(found: Checked, server: string, nowMs: number): Authentication {
    const { issuer, facts } = found;
    if (nowMs >= facts.expiresMs) return faults.expired;
    if (!isFor(issuer, facts, server)) return faults.audience;
    if (nowMs >= facts.taskExpiresMs) return faults.taskExpired;
    const { taskId } = facts.identity;
    if (taskId === "") return found.accepted;
    if (control.state.closedExternalTasks.has(taskId)) return faults.taskClosed;
    const task = control.state.tasks.get(taskId);
    if (task === undefined && !isOwnTask(taskId)) return found.accepted;
    if (found.inTask?.task !== task || found.inTask === null || (task && nowMs >= task.task.expiresMs)) {
      found.inTask = { task, answer: inRegisteredTask(facts.identity, task, nowMs) };
    }
    return found.inTask.answer;
  }

  function isFor(issuer: Issuer, { audiences }: TokenFacts, server: string): boolean {
    if (issuer.servers && !fits(issuer.servers, server)) return false;
    const { audience } = issuer.config;
    if (!audience) return audiences.has(resourceOf(server));
    return audience.some((one) => audiences.has(one.replaceAll("{server}", server)));
  }

  /** Asks the token's issuer, or its keys. One question a token, however many calls bring it. */
  function check(token: string, hash: string, nowMs: number): Promise<Checked | Authentication> {
    const under = checking.get(hash);
    if (under) return under;
    if (checking.size >= MAX_CHECKING) return Promise.resolve(faults.unavailable);
    const begun = examine(token, hash, nowMs)
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) logger.warn({ err: error }, "an access token could not be checked");
        return faults.unavailable;
      })
      .then((result) => {
        checking.delete(hash);
        if (!("facts" in result)) {
          if (result !== faults.unavailable) refused.set(hash, result, nowMs + REFUSED_FOR_MS);
          return result;
        }
        const { introspectedForSeconds, verifiedForSeconds } = config;
        checked.set(hash, result, nowMs + 1000 * (result.issuer.introspect ? introspectedForSeconds : verifiedForSeconds));
        return result;
      });
    checking.set(hash, begun);
    return begun;
  }

  async function examine(token: string, hash: string, nowMs: number): Promise<Checked | Authentication> {
    const iss = issuerOf(token);
    const issuer = iss === null ? asked : issuers.get(iss);
    if (!issuer) return faults.invalid;
    // Taken before: keys that change while they are in use leave the token to be checked again.
    const epoch = issuer.keys?.epoch ?? 0;
    const said = issuer.introspect ? await introspected(issuer, token, nowMs) : await verified(issuer, token, nowMs);
    if (!said.ok) return fault(said.why);
    const facts = readClaims(said.claims, { config, issuer: issuer.config, credentialId: `at-${hash.slice(0, 16)}`, serverOf });
    if ("unusable" in facts) {
      // Its issuer signed it: somebody has to set one of the two up otherwise, and can't see in the answer what.
      logger.warn({ issuer: issuer.config.issuer, why: facts.unusable }, "an access token that its issuer vouches for cannot be used");
      return faults.invalid;
    }
    return { issuer, facts, epoch, accepted: Object.freeze({ ok: true, identity: facts.identity }), inTask: null };
  }

  const verified = (issuer: Issuer, token: string, nowMs: number): Promise<Verified> =>
    verifyJwt(token, { issuer: issuer.config, keys: issuer.keys!, clockSkewSeconds: config.clockSkewSeconds, nowMs });

  async function introspected(issuer: Issuer, token: string, nowMs: number): Promise<Verified> {
    const claims = await issuer.introspect!(token);
    if (claims === null || (claims.iss !== undefined && claims.iss !== issuer.config.issuer)) return { ok: false, why: "token_invalid" };
    const skewMs = config.clockSkewSeconds * 1000;
    if (typeof claims.nbf === "number" && claims.nbf * 1000 > nowMs + skewMs) return { ok: false, why: "token_invalid" };
    return { ok: true, claims };
  }

  return {
    authenticate({ token, hash }, server, nowMs) {
      const found = checked.get(hash, nowMs);
      found?.issuer.keys?.refresh();
      if (found && found.epoch === (found.issuer.keys?.epoch ?? 0)) return answer(found, server, nowMs);
      const before = refused.get(hash, nowMs);
      if (before) return before;
      return check(token, hash, nowMs).then((result) => ("facts" in result ? answer(result, server, clock.nowMs()) : result));
    },
    missingScopes({ scopes }, server, effect) {
      if (scopes === undefined) return null;
      const needed = rules.needed(server, effect);
      return needed.every((scope) => scopes.has(scope)) ? null : needed;
    },
    challenge(server, what = {}) {
      return bearerChallenge({ scopes: rules.needed(server, ""), ...what, metadataUrl: metadataUrlOf(resourceOf(server)) });
    },
    metadata(server) {
      const scopes = rules.needed(server, "");
      return {
        resource: resourceOf(server),
        resource_name: server,
        authorization_servers: [...issuers.values()].filter((issuer) => !issuer.servers || fits(issuer.servers, server)).map((issuer) => issuer.config.issuer),
        ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
        bearer_methods_supported: ["header"],
        authorization_details_types_supported: [config.taskDetailsType],
      };
    },
    stop: async () => stopping.abort(),
  };
}

function createIssuers({ config, clock, logger, env, baseDir, fetch = globalThis.fetch }: ResourceServerOptions, stopped: AbortSignal): Map<string, Issuer> {
  const fetching = { fetch, timeoutMs: config.timeoutMs, stopped };
  return new Map(
    config.issuers.map((one): [string, Issuer] => {
      const servers = compilePatterns(one.servers);
      const { issuer, introspection: settings, jwksUri } = one;
      if (settings) return [issuer, { config: one, servers, introspect: createIntrospector({ issuer, settings, secret: secretSource(settings.clientSecret, { env, baseDir, code: "E_OAUTH_SECRET", what: `the client secret for ${issuer}` }), ...fetching }) }];
      const keys = new IssuerKeys({ issuer, jwksUri, maxAgeMs: config.keysMaxAgeSeconds * 1000, refetchMs: config.keysRefetchSeconds * 1000, clock, logger, ...fetching });
      return [issuer, { config: one, servers, keys }];
    }),
  );
}

/** Whom a token says it is from, before anything of it is believed; null for one that cannot be read. */
function issuerOf(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? "";
  } catch {
    return null;
  }
}

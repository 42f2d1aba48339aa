import type { Identity } from "../identity.ts";
import type { IssuerConfig, OAuthConfig } from "./config.ts";
import type { JsonObject } from "./fetch-json.ts";
import { taskOf, type TaskClaims } from "./task-claim.ts";

/** What a valid token says, once, for as long as it counts as checked. */
export interface TokenFacts {
  readonly issuer: IssuerConfig;
  readonly audiences: ReadonlySet<string>;
  /** With the tolerance for clocks that differ. */
  readonly expiresMs: number;
  readonly taskExpiresMs: number;
  readonly identity: Identity;
}

export interface ClaimsContext {
  readonly config: Pick<OAuthConfig, "implies" | "taskDetailsType" | "clockSkewSeconds">;
  readonly issuer: IssuerConfig;
  readonly credentialId: string;
  readonly serverOf: TaskClaims["serverOf"];
}

const MAX_ACTORS = 8;
const MAX_NAME = 128;
const MAX_TASK_ID = 64;
/** A client that registered itself has the id that its issuer made up, in base64url as a rule: one of 32 begins with - or _. */
const agentName = /^[A-Za-z0-9_-][A-Za-z0-9._@:/-]{0,127}$/;
/** Whatever people are called, but nothing that could make a line of a log say something else. */
const personName = /^[^\p{C}]{1,256}$/u;

/** Why a token's claims are of no use here, in words without any of their values. */
export interface UnusableClaims {
  readonly unusable: string;
}

/** Pure. Reads the claims of a token that its issuer vouches for, where they say who calls and say it rightly. */
export function readClaims(claims: JsonObject, { config, issuer, credentialId, serverOf }: ClaimsContext): TokenFacts | UnusableClaims {
  const { prefix, claims: paths } = issuer;
  const agent = firstOf(claims, paths.agent);
  const principal = firstOf(claims, paths.principal);
  const delegation = actorsOf(claims.act);
  const audiences = textsOf(claims.aud);
  const task = taskOf({ claim: firstOf(claims, paths.task), details: claims.authorization_details, detailsType: config.taskDetailsType, serverOf });
  const taskClass = task?.class ?? firstOf(claims, paths.taskClass) ?? "";
  // A token that is bound to a key or a certificate (RFC 8705, RFC 9449) is not a bearer token, and must not become one.
  if (claims.cnf !== undefined || (claims.token_type !== undefined && !isBearer(claims.token_type))) return { unusable: "it is bound to a key, and no bearer token" };
  if (typeof claims.exp !== "number" || !Number.isFinite(claims.exp)) return { unusable: "exp is no time" };
  if (!isText(agent, agentName)) return { unusable: `the agent (${paths.agent.join(", ")}) is no name` };
  if (!isText(principal, personName)) return { unusable: `the principal (${paths.principal.join(", ")}) is no name` };
  if (!isText(taskClass, /^$|^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/)) return { unusable: `the task class (${paths.taskClass.join(", ")}) is no name` };
  if (delegation === null) return { unusable: `act is no chain of at most ${MAX_ACTORS} actors` };
  if (audiences === null) return { unusable: "aud is neither text nor a list of texts" };
  if (task === undefined) return { unusable: "the task that it names is no task" };
  const taskId = task === null ? "" : prefix + task.id;
  // As long as the journal can take them: a call that waits for a person is named there by all three.
  if ((prefix + agent).length > MAX_NAME || (prefix + principal).length > MAX_NAME || taskId.length > MAX_TASK_ID) return { unusable: "a name in it is too long" };
  return {
    issuer,
    audiences: new Set(audiences),
    expiresMs: (claims.exp + config.clockSkewSeconds) * 1000,
    taskExpiresMs: ((task?.exp ?? Infinity) + config.clockSkewSeconds) * 1000,
    identity: Object.freeze({
      agent: prefix + agent,
      principal: prefix + principal,
      delegation: delegation.map((actor) => prefix + actor),
      credentialId,
      taskId,
      taskClass,
      roles: ["agent" as const],
      scopes: granted(firstOf(claims, paths.scopes), config.implies),
      ...(task?.owner === undefined ? {} : { taskOwner: task.owner }),
      ...(task?.servers === undefined ? {} : { servers: task.servers }),
      ...(task?.tools === undefined ? {} : { tools: task.tools }),
      ...(task?.budget === undefined ? {} : { budget: task.budget }),
    }),
  };
}

/** The actors of a delegation (RFC 8693, 4.1), the present one first. Null for a chain that is no chain. */
export function actorsOf(act: unknown): string[] | null {
  const actors: string[] = [];
  for (let at = act; at !== undefined; ) {
    if (typeof at !== "object" || at === null || Array.isArray(at) || actors.length === MAX_ACTORS) return null;
    const { sub, act: before } = at as JsonObject;
    if (!isText(sub, personName)) return null;
    actors.push(sub);
    at = before;
  }
  return actors;
}

/** A name with dots may be a claim's whole name, as namespaced ones are, before it is a path. */
function firstOf(claims: JsonObject, paths: readonly string[]): unknown {
  for (const path of paths) {
    const found = Object.hasOwn(claims, path) ? claims[path] : path.split(".").reduce<unknown>(memberOf, claims);
    if (found !== undefined) return found;
  }
  return undefined;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as JsonObject)[name] : undefined;
}

/** The scopes of a token, and those that they stand for. */
function granted(claim: unknown, implies: OAuthConfig["implies"]): ReadonlySet<string> {
  const scopes = new Set(typeof claim === "string" ? claim.split(" ").filter(Boolean) : (textsOf(claim ?? []) ?? []));
  // A set is walked in the order of its members, those too that join on the way.
  for (const scope of scopes) if (Object.hasOwn(implies, scope)) for (const other of implies[scope]!) scopes.add(other);
  return scopes;
}

function textsOf(value: unknown): string[] | null {
  if (typeof value === "string") return [value];
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : null;
}

const isText = (value: unknown, form: RegExp): value is string => typeof value === "string" && form.test(value);
const isBearer = (type: unknown): boolean => typeof type === "string" && /^(bearer|access_token|urn:ietf:params:oauth:token-type:(access_token|jwt))$/i.test(type);

import type { Clock } from "../../../collector/kernel/clock.ts";
import { SignalboxError } from "../../../collector/kernel/errors.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import { secretSource, type Environment } from "../../../collector/kernel/secret-place.ts";
import type { FetchOptions } from "../../identity/oauth/fetch-json.ts";
import type { PresentedToken } from "../../identity/oauth/presented-token.ts";
import { isForCaller, type OAuthCredential } from "../../registry/oauth-credential.ts";
import type { ServerEntry } from "../../registry/server-entry.ts";
import { MAX_SCOPES, readChallenge, type ReceivedChallenge } from "./challenge.ts";
import { fetchProtectedResource } from "./protected-resource.ts";
import { requestToken, type SecretName } from "./token-endpoint.ts";

/** The proxy's own credentials at its upstreams. What a caller sent is never one of them. */
export interface UpstreamCredentials extends Stoppable {
  /**
   * The Authorization that a call is forwarded with; null where the entry's endpoint says all there is, and where the server
   * has yet to say who issues tokens for it. A promise where it has to be read or issued first, which rejects with
   * E_CREDENTIAL. `caller` is whom a token is issued for.
   */
  authorizationFor(entry: ServerEntry, caller: PresentedToken | null): string | null | Promise<string>;
  /**
   * The upstream did not accept it. Another one, to send the same call with once more; null where there is none that would
   * be another. The promise rejects with E_CREDENTIAL.
   */
  notAccepted(entry: ServerEntry, caller: PresentedToken | null, refused: RefusedCredential): Promise<string> | null;
}

export interface RefusedCredential {
  readonly status: number;
  readonly authorization: string | null;
  /** WWW-Authenticate. */
  readonly challenge: string | readonly string[] | undefined;
}

export interface UpstreamCredentialsOptions {
  readonly env: Environment;
  readonly baseDir: string;
  readonly clock: Clock;
  readonly fetch?: typeof fetch;
}

interface Held {
  readonly authorization: string;
  readonly untilMs: number;
  /** What was asked for. */
  readonly scopes: readonly string[];
}

/** What the server's challenges and its metadata said. */
interface Learnt {
  /** The first one named stays the one: a server that names another later would lead our client's secret there. */
  readonly issuer: string | undefined;
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
}

/** Of one entry: what is at hand, and what is being fetched, by the caller's token or "" for the proxy's own. */
interface OfEntry {
  readonly held: Map<string, Held>;
  readonly fetching: Map<string, Promise<Held>>;
  learnt: Learnt | null;
  secrets: Record<SecretName, () => Promise<string | null>> | null;
}

const TIMEOUT_MS = 5000;
/** A secret that was written anew is used after this at the latest. */
const SECRET_FOR_MS = 10_000;
/** A token is not sent in the last moments of its life, of which a short one has few. */
const EARLY_MS = 30_000;
/** Tokens for callers, by entry; each takes a question to the authorization server to get again. */
const MAX_HELD = 1000;

export function createUpstreamCredentials({ env, baseDir, clock, fetch = globalThis.fetch }: UpstreamCredentialsOptions): UpstreamCredentials {
  const stopping = new AbortController();
  const fetching: FetchOptions = { fetch, timeoutMs: TIMEOUT_MS, stopped: stopping.signal };
  /** An entry that is read anew begins anew: nothing that its authorization server issued outlives a change of it. */
  const entries = new WeakMap<ServerEntry, OfEntry>();

  const ofEntry = (entry: ServerEntry): OfEntry => {
    let found = entries.get(entry);
    if (!found) entries.set(entry, (found = { held: new Map(), fetching: new Map(), learnt: null, secrets: null }));
    return found;
  };

  function secretsOf(entry: ServerEntry, of: OfEntry): Record<SecretName, () => Promise<string | null>> {
    const { secret, oauth, name } = entry.credential!;
    const place = (at: string | undefined, pem = false) => (at === undefined ? () => Promise.resolve(null) : secretSource(at, { env, baseDir, code: "E_CREDENTIAL", what: `the credential ${name}`, pem }));
    return (of.secrets ??= {
      client: place(secret ?? oauth?.clientSecret ?? oauth?.privateKey, oauth?.privateKey !== undefined),
      assertion: place(oauth?.assertion),
      identityProvider: place(oauth?.identityProvider?.clientSecret),
    });
  }

  async function obtain(entry: ServerEntry, of: OfEntry, caller: PresentedToken | null): Promise<Held> {
    const { oauth } = entry.credential!;
    const places = secretsOf(entry, of);
    const client = await places.client();
    if (!oauth) return { authorization: `Bearer ${client}`, untilMs: clock.nowMs() + SECRET_FOR_MS, scopes: [] };
    const secrets = { client, assertion: await places.assertion(), identityProvider: await places.identityProvider() };
    const { learnt } = of;
    const scopes = oauth.scopes.length > 0 ? oauth.scopes : (learnt?.scopes ?? []);
    const request = { oauth, issuer: oauth.issuer ?? learnt?.issuer, resource: oauth.resource ?? learnt?.resource ?? urlOf(entry), scopes, secrets, callerToken: caller?.token ?? null, nowMs: clock.nowMs() };
    const { token, lifetimeMs } = await requestToken(request, fetching);
    return { authorization: `Bearer ${token}`, untilMs: clock.nowMs() + lifetimeMs - Math.min(EARLY_MS, lifetimeMs / 2), scopes };
  }

  /** Who issues tokens for this server, and which scopes they need, by what the server says of itself. */
  async function learn(entry: ServerEntry, of: OfEntry, oauth: OAuthCredential, challenge: ReceivedChallenge): Promise<void> {
    const before = of.learnt?.scopes ?? [];
    const known = oauth.issuer ?? of.learnt?.issuer;
    const said = oauth.tokenUrl === undefined ? await fetchProtectedResource(urlOf(entry), challenge.metadataUrl, fetching) : null;
    if (said === null && known === undefined && oauth.tokenUrl === undefined) throw new Error(`${urlOf(entry)} does not say who issues tokens for it: name the issuer in the registry`);
    if (said !== null && known !== undefined && !said.issuers.includes(known)) throw new Error(`${urlOf(entry)} names other authorization servers than ${known}`);
    const scopes = challenge.scopes.length > 0 ? challenge.scopes : before.length > 0 ? [] : (said?.scopes ?? []);
    of.learnt = { issuer: known ?? said?.issuers[0], resource: said?.resource ?? of.learnt?.resource, scopes: [...new Set([...before, ...scopes])].slice(0, MAX_SCOPES) };
  }

  /** One question at a time for a caller, however many calls wait for its answer. */
  function get(entry: ServerEntry, of: OfEntry, caller: PresentedToken | null, first?: () => Promise<void>): Promise<string> {
    const key = caller?.hash ?? "";
    let fetched = of.fetching.get(key);
    if (!fetched) {
      fetched = (first ? first().then(() => obtain(entry, of, caller)) : obtain(entry, of, caller))
        .then((got) => {
          if (of.held.size >= MAX_HELD) of.held.delete(of.held.keys().next().value!);
          of.held.set(key, got);
          return got;
        })
        .catch((error: unknown) => {
          if (error instanceof SignalboxError) throw error;
          throw new SignalboxError("E_CREDENTIAL", `no token was issued for ${entry.credential!.name}`, { cause: error });
        })
        .finally(() => of.fetching.delete(key));
      of.fetching.set(key, fetched);
    }
    return fetched.then((got) => got.authorization);
  }

  return {
    authorizationFor(entry, presented) {
      const { credential } = entry;
      if (!credential?.secret && !credential?.oauth) return null;
      const { oauth } = credential;
      const exchanged = isForCaller(oauth);
      if (exchanged && presented === null) return Promise.reject(new SignalboxError("E_CREDENTIAL", `${credential.name} is issued for callers with an access token, and this one has none`));
      const caller = exchanged ? presented : null;
      const of = ofEntry(entry);
      const held = of.held.get(caller?.hash ?? "");
      if (held && clock.nowMs() < held.untilMs) return held.authorization;
      if (oauth && oauth.issuer === undefined && oauth.tokenUrl === undefined && of.learnt === null) return null;
      return get(entry, of, caller);
    },
    notAccepted(entry, presented, { status, authorization, challenge: header }) {
      const { credential } = entry;
      if (!credential?.secret && !credential?.oauth) return null;
      const { oauth } = credential;
      const of = ofEntry(entry);
      const caller = isForCaller(oauth) ? presented : null;
      const key = caller?.hash ?? "";
      const held = of.held.get(key);
      // Another call was told so before and has got another one since.
      if (oauth && held && held.authorization !== authorization) return Promise.resolve(held.authorization);
      const challenge = readChallenge(header);
      if (status !== 403) of.held.delete(key);
      if (!oauth) return null;
      if (status === 403) {
        if (challenge?.error !== "insufficient_scope" || oauth.scopes.length > 0) return null;
        if (challenge.scopes.every((scope) => held?.scopes.includes(scope))) return null;
        of.held.delete(key);
      }
      return get(entry, of, caller, () => learn(entry, of, oauth, challenge ?? { error: "", scopes: [], metadataUrl: undefined }));
    },
    stop: async () => stopping.abort(),
  };
}

const urlOf = ({ endpoint }: ServerEntry): string => (endpoint.transport === "streamable-http" ? endpoint.url : "");

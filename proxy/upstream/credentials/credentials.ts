import type { Clock } from "../../../collector/kernel/clock.ts";
import { SignalboxError } from "../../../collector/kernel/errors.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import { secretSource, type Environment } from "../../../collector/kernel/secret-place.ts";
import type { PresentedToken } from "../../identity/oauth/presented-token.ts";
import type { ServerEntry } from "../../registry/server-entry.ts";
import { requestToken } from "./token-endpoint.ts";

/** The proxy's own credentials at its upstreams. What a caller sent is never one of them. */
export interface UpstreamCredentials extends Stoppable {
  /**
   * The Authorization that a call is forwarded with; null where the entry's endpoint says all there is. A promise where it
   * has to be read or issued first, which rejects with E_CREDENTIAL. `caller` is whom a token is exchanged for.
   */
  authorizationFor(entry: ServerEntry, caller: PresentedToken | null): string | null | Promise<string>;
  /** The upstream did not accept it: the next call gets another one. */
  notAccepted(entry: ServerEntry, caller: PresentedToken | null): void;
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
}

/** Of one entry: what is at hand, and what is being fetched, by the caller's token or "" for the proxy's own. */
interface OfEntry {
  readonly held: Map<string, Held>;
  readonly fetching: Map<string, Promise<Held>>;
  secret: (() => Promise<string>) | null;
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
  /** An entry that is read anew begins anew: nothing that its authorization server issued outlives a change of it. */
  const entries = new WeakMap<ServerEntry, OfEntry>();

  const ofEntry = (entry: ServerEntry): OfEntry => {
    let found = entries.get(entry);
    if (!found) entries.set(entry, (found = { held: new Map(), fetching: new Map(), secret: null }));
    return found;
  };

  async function obtain(entry: ServerEntry, of: OfEntry, caller: PresentedToken | null): Promise<Held> {
    const { secret, oauth, name } = entry.credential!;
    of.secret ??= secretSource((secret ?? oauth?.clientSecret)!, { env, baseDir, code: "E_CREDENTIAL", what: `the credential ${name}` });
    const value = await of.secret();
    if (!oauth) return { authorization: `Bearer ${value}`, untilMs: clock.nowMs() + SECRET_FOR_MS };
    const resource = entry.endpoint.transport === "streamable-http" ? entry.endpoint.url : "";
    const { token, lifetimeMs } = await requestToken(oauth, resource, value, caller?.token ?? null, { fetch, timeoutMs: TIMEOUT_MS, stopped: stopping.signal });
    return { authorization: `Bearer ${token}`, untilMs: clock.nowMs() + lifetimeMs - Math.min(EARLY_MS, lifetimeMs / 2) };
  }

  return {
    authorizationFor(entry, presented) {
      const { credential } = entry;
      if (!credential?.secret && !credential?.oauth) return null;
      const exchanged = credential.oauth?.grant === "token_exchange";
      if (exchanged && presented === null) return Promise.reject(new SignalboxError("E_CREDENTIAL", `${credential.name} is issued for callers with an access token, and this one has none`));
      const caller = exchanged ? presented : null;
      const of = ofEntry(entry);
      const key = caller?.hash ?? "";
      const held = of.held.get(key);
      if (held && clock.nowMs() < held.untilMs) return held.authorization;
      let fetching = of.fetching.get(key);
      if (!fetching) {
        fetching = obtain(entry, of, caller)
          .then((got) => {
            if (of.held.size >= MAX_HELD) of.held.delete(of.held.keys().next().value!);
            of.held.set(key, got);
            return got;
          })
          .catch((error: unknown) => {
            if (error instanceof SignalboxError) throw error;
            throw new SignalboxError("E_CREDENTIAL", `no token was issued for ${credential.name}`, { cause: error });
          })
          .finally(() => of.fetching.delete(key));
        of.fetching.set(key, fetching);
      }
      return fetching.then((got) => got.authorization);
    },
    notAccepted(entry, presented) {
      entries.get(entry)?.held.delete(entry.credential?.oauth?.grant === "token_exchange" ? (presented?.hash ?? "") : "");
    },
    stop: async () => stopping.abort(),
  };
}

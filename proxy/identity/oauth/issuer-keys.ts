import { createLocalJWKSet, errors, type CryptoKey, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from "jose";
import type { Clock } from "../../../collector/kernel/clock.ts";
import type { Logger } from "../../../collector/kernel/log.ts";
import { fetchJson, type FetchOptions } from "./fetch-json.ts";
import { endpointOf, fetchMetadata } from "./metadata.ts";

export interface IssuerKeysOptions extends FetchOptions {
  readonly issuer: string;
  /** Absent, the issuer's metadata says where they are. */
  readonly jwksUri?: string | undefined;
  readonly maxAgeMs: number;
  readonly refetchMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Thrown where an issuer's keys can't be had: nothing is wrong with the token then, as far as anybody knows. */
export class IssuerUnavailable extends Error {}

/** An issuer that can't be reached may have withdrawn a key meanwhile, so what is known of it is not used for ever. */
const USABLE_FOR_MS = 3_600_000;
const MAX_KEYS = 100;

type KeySet = ReturnType<typeof createLocalJWKSet>;

/**
 * The keys that an issuer signs with, fetched when they are first needed, when they are old, and when a token names one
 * that is not among them. One fetch at a time, and none sooner than `refetchMs` after the last.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #set: KeySet | null = null;
  #text = "";
  #fetchedMs = -Infinity;
  #triedMs = -Infinity;
  #fetching: Promise<void> | null = null;
  /** Grows whenever the keys change: what was checked with the keys before has to be checked again. */
  epoch = 0;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Finds the key for a token's header, for jose. */
  readonly find = async (header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> => {
    await this.#ensure();
    try {
      return await this.#set!(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#mayFetch()) throw error;
      await this.#fetch();
      return await this.#set!(header, token);
    }
  };

  /** Asks for newer keys where the ones at hand are old: a token that counts as checked must notice that its key is gone. */
  refresh(): void {
    if (this.#set !== null && this.#age() >= this.#options.maxAgeMs && this.#mayFetch()) void this.#fetch();
  }

  #age(): number {
    return this.#options.clock.nowMs() - this.#fetchedMs;
  }

  #mayFetch(): boolean {
    return this.#fetching !== null || Math.abs(this.#options.clock.nowMs() - this.#triedMs) >= this.#options.refetchMs;
  }

  async #ensure(): Promise<void> {
    if (this.#set !== null && this.#age() < this.#options.maxAgeMs) return;
    if (this.#mayFetch()) await this.#fetch();
    if (this.#set === null || this.#age() >= this.#options.maxAgeMs + USABLE_FOR_MS) throw new IssuerUnavailable(this.#options.issuer);
  }

  /** Never rejects: without new keys the old ones stay. */
  #fetch(): Promise<void> {
    return (this.#fetching ??= this.#load().finally(() => (this.#fetching = null)));
  }

  async #load(): Promise<void> {
    const { issuer, clock, logger } = this.#options;
    this.#triedMs = clock.nowMs();
    try {
      const jwksUri = this.#options.jwksUri ?? endpointOf(await fetchMetadata(issuer, this.#options), "jwks_uri", issuer);
      const fetched = await fetchJson(jwksUri, {}, this.#options);
      const { keys } = fetched;
      if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error(`${jwksUri} does not hold a key set of at most ${MAX_KEYS} keys`);
      const text = JSON.stringify(keys);
      if (text !== this.#text) {
        this.#set = createLocalJWKSet(fetched as unknown as JSONWebKeySet);
        this.#text = text;
        this.epoch++;
      }
      this.#fetchedMs = clock.nowMs();
    } catch (error) {
      logger.warn({ err: error, issuer }, "an issuer's keys could not be fetched");
    }
  }
}

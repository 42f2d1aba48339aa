import { createHash, hash, hkdfSync, type Hash } from "node:crypto";
import { ShortHash, type ShortDigest } from "./short-hash.ts";

/** Hex digits that are kept of a digest: 128 bits. */
const KEPT = 32;
/** Up to this many bytes are copied behind the key and hashed in one call; from there on a hash object costs less. */
const ONE_SHOT_BYTES = 8 * 1024;

/** Digests that are remembered, and how long their text may be. */
const MAX_KNOWN = 4096;
const KNOWN_LENGTH = 64;

export interface RunningDigest {
  update(chunk: Buffer): void;
  digest(): string;
}

/**
 * Keyed digests of values: equal values have equal digests within one installation, and without the key nothing can be
 * guessed from them. SHA-256 over the key followed by the value, cut to half its length: the cut is what makes the plain
 * construction safe, because extending a message needs the whole inner state, of which 128 bits are never shown. HMAC
 * gives the same at twice the cost, and every argument of every call pays it.
 */
export class Digester {
  readonly #prefix: Buffer;
  readonly #prefixText: string;
  readonly #scratch: Buffer;
  readonly #known = new Map<string, string>();
  readonly #fleeting: ShortHash;

  constructor(digestKey: Buffer) {
    const seed = Buffer.from(hkdfSync("sha256", digestKey, "", "signalbox/fleeting", 8));
    this.#fleeting = new ShortHash(seed.readInt32LE(0), seed.readInt32LE(4));
    // One whole block of the hash, so that no key and value share a block; printable, so that it can lead a string too.
    this.#prefixText = Buffer.from(hkdfSync("sha256", digestKey, "", "signalbox/values", 32)).toString("hex");
    this.#prefix = Buffer.from(this.#prefixText, "latin1");
    this.#scratch = Buffer.allocUnsafeSlow(this.#prefix.length + ONE_SHOT_BYTES);
    this.#prefix.copy(this.#scratch);
  }

  /** Limits, flags and the names of fields come again and again: short text is looked up. */
  text(value: string): string {
    if (value.length > KNOWN_LENGTH) return this.#hash(value);
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const digest = this.#hash(value);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(value, digest);
    return digest;
  }

  #hash(value: string): string {
    return hash("sha256", this.#prefixText + value, "hex").slice(0, KEPT);
  }

  /**
   * A keyed digest of 64 bits for what lives in memory only, at a tenth of the cost: a result may hold hundreds of values,
   * and each of them is digested. Equal in every worker of an installation. The answer is overwritten by the next call.
   */
  fleeting(value: string): Readonly<ShortDigest> {
    return this.#fleeting.of(value);
  }

  bytes(value: Buffer): string {
    if (value.length > ONE_SHOT_BYTES) {
      const running = this.start();
      running.update(value);
      return running.digest();
    }
    value.copy(this.#scratch, this.#prefix.length);
    return hash("sha256", this.#scratch.subarray(0, this.#prefix.length + value.length), "hex").slice(0, KEPT);
  }

  /** For bytes that arrive in pieces: gives what `bytes` gives for all of them. */
  start(): RunningDigest {
    const running: Hash = createHash("sha256").update(this.#prefix);
    return {
      update: (chunk) => void running.update(chunk),
      digest: () => running.digest("hex").slice(0, KEPT),
    };
  }
}

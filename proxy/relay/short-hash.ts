export interface ShortDigest {
  high: number;
  low: number;
}

const rotl = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/**
 * HalfSipHash-1-3 over a string's UTF-16 code units, two a word: a keyed hash in 32-bit arithmetic. Without the key
 * nobody can find two values that collide, which a plain fast hash would let the writer of a tool's result do.
 */
export class ShortHash {
  readonly #k0: number;
  readonly #k1: number;
  readonly #out: ShortDigest = { high: 0, low: 0 };

  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** Two unsigned halves; the object is the same at every call. */
  of(text: string): Readonly<ShortDigest> {
    let v0 = this.#k0;
    let v1 = this.#k1 ^ 0xee;
    let v2 = this.#k0 ^ 0x6c796765;
    let v3 = this.#k1 ^ 0x74656462;
    const { length } = text;
    // The words of the text, one that holds its length (so that padding cannot collide), and the finish: two times three
    // rounds, with a half of the digest taken after each.
    const words = (length + 1) >> 1;
    for (let word = 0; word < words + 7; word++) {
      let m = 0;
      if (word < words) {
        const at = word << 1;
        m = text.charCodeAt(at) | (at + 1 < length ? text.charCodeAt(at + 1) << 16 : 0);
      } else if (word === words) m = length;
      else if (word === words + 1) v2 ^= 0xee;
      else if (word === words + 4) {
        this.#out.high = (v1 ^ v3) >>> 0;
        v1 ^= 0xdd;
      }
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = rotl(v1, 5) ^ v0;
      v0 = rotl(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotl(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotl(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotl(v1, 13) ^ v2;
      v2 = rotl(v2, 16);
      v0 ^= m;
    }
    this.#out.low = (v1 ^ v3) >>> 0;
    return this.#out;
  }
}

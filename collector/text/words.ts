import { foreignWords } from "./foreign.ts";
import { wordClasses, type WordClass } from "./lexicon.ts";

/**
 * Bytes to words. A word is a run of ASCII letters, digits and underscores and of bytes above 0x7f; case folds for ASCII only. A word is
 * known by the 32-bit FNV-1a hash of its folded bytes, so that the scan makes no strings.
 */
export const wordByte = new Uint8Array(256);
for (let b = 0; b < 256; b++) {
  if (b >= 0x41 && b <= 0x5a) wordByte[b] = b + 32;
  else if ((b >= 0x61 && b <= 0x7a) || (b >= 0x30 && b <= 0x39) || b === 0x5f || b >= 0x80) wordByte[b] = b;
}

export const hashSeed = 0x811c9dc5 | 0;
const prime = 0x01000193;

export function hashWord(word: string): number {
  let h = hashSeed;
  for (const b of Buffer.from(word, "utf8")) h = Math.imul(h ^ (wordByte[b] || b), prime);
  return h;
}

const names = Object.keys(wordClasses) as WordClass[];
/** One bit a class; a word may be in several. */
export const classBit = Object.fromEntries(names.map((name, i) => [name, 1 << i])) as Readonly<Record<WordClass, number>>;
export const classCount = names.length;
/** Words of other languages' explicit patterns; no class of the model's. */
export const foreignBit = 1 << classCount;

const slots = 1 << 13;
const keys = new Int32Array(slots);
const bits = new Int32Array(slots);
for (const name of names) for (const word of wordClasses[name].split(" ")) put(hashWord(word), classBit[name]);
for (const word of foreignWords) put(hashWord(word), foreignBit);

function put(hash: number, bit: number): void {
  let at = hash & (slots - 1);
  while (keys[at] !== 0 && keys[at] !== hash) at = (at + 1) & (slots - 1);
  keys[at] = hash;
  bits[at]! |= bit;
}

/** The classes of the word with this hash, as bits; 0 for a word that is in none. */
export function classesOf(hash: number): number {
  let at = hash & (slots - 1);
  let key = keys[at]!;
  while (key !== 0) {
    if (key === hash) return bits[at]!;
    at = (at + 1) & (slots - 1);
    key = keys[at]!;
  }
  return 0;
}

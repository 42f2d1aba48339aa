import { scoreAround } from "./around.ts";
import { bits, continues, isDelimiter, kindOf, readToken } from "./token.ts";

/** A part of a text, in UTF-16 units, and how instruction-shaped it is (0 to 1). */
export interface ScoredSpan {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** Something in a text that may name a party: an address, an account, an id, a place. */
export interface Value {
  /** Normalised, so that the same party has one spelling in a result and in an argument. */
  readonly text: string;
  /** Of the most instruction-shaped text around it. */
  readonly score: number;
}

/** What is kept of one result. Where there is more, the most instruction-shaped stay. */
export const MAX_VALUES = 1024;
/** What is looked at in one result. */
const MAX_CANDIDATES = 16 * MAX_VALUES;
/** From this score on a text is read as an instruction, and what it quotes and whom it names are values as well. */
export const INSTRUCTION = 0.3;
const MAX_PHRASE = 80;
/** A phrase says less about where an argument came from than an address does. */
const PHRASE_WEIGHT = 0.8;
/** A longer token is not a party's name but data; its first part is looked at. */
const MAX_TOKEN = 1024;

/** Whatever names a party has one of these; text without them costs this one search. */
const SEED = /[@\d/\\]|\.[A-Za-z\d]|[\u200b-\u200d\u2060\ufeff]/g;
const SEED_AT_ALL = /[@\d/\\]|\.[A-Za-z\d]/;

const noValues: readonly Value[] = Object.freeze([]);
const noSpans: readonly ScoredSpan[] = Object.freeze([]);

/** True where `eachValue` may find something: cheap enough for every argument of every call. */
export const mayHoldValues = (text: string): boolean => SEED_AT_ALL.test(text);

const DIGIT_SEED = 1;
const SURE_SEED = 2;
const seedBytes = new Uint8Array(256);
for (const c of "0123456789") seedBytes[c.charCodeAt(0)] = DIGIT_SEED;
for (const c of "@/") seedBytes[c.charCodeAt(0)] = SURE_SEED;
const DOT = 0x2e;
/** The shortest thing that a digit makes a value of. */
const MIN_VALUE = 4;
const RESULT_KEY = Buffer.from('"result"');
const isLetter = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

/**
 * False where the result of this JSON-RPC message certainly holds no value: for the many answers that are words and small
 * numbers alone, which then need not be parsed. What stands before the result is not looked at (the message's id is a
 * number); a backslash anywhere, with which a server could spell that key another way, counts as a value.
 */
export function mayHoldValuesInResult(bytes: Uint8Array): boolean {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const from = buffer.indexOf(RESULT_KEY);
  if (from < 0 || buffer.includes(0x5c)) return true;
  for (let i = from; i < buffer.length; i++) {
    const byte = buffer[i]!;
    const seed = seedBytes[byte]!;
    if (seed === SURE_SEED || (byte === DOT && isLetter(buffer[i + 1] ?? 0)) || (seed === DIGIT_SEED && isLongAt(buffer, i))) return true;
  }
  return false;
}

/** Whether what stands around a digit is long enough for a value, or goes on as a number in groups. */
function isLongAt(buffer: Buffer, at: number): boolean {
  let start = at;
  while (at - start < MIN_VALUE && !isDelimiterByte(buffer[start - 1]!)) start--;
  let end = at + 1;
  while (end - start < MIN_VALUE && !isDelimiterByte(buffer[end] ?? 0)) end++;
  if (end - start >= MIN_VALUE) return true;
  return continues(buffer[end] ?? 0, buffer[end + 1] ?? 0);
}

/** What is above ASCII is taken for part of a token, which makes that one longer. */
const isDelimiterByte = (byte: number): boolean => byte < 0x80 && isDelimiter(byte);

/**
 * The values of a result's text, each once, in the order in which they first stand there, with the highest score among
 * the spans within 400 characters of any place it stands at. Names and quotes are values where a span of `spans` reads as
 * an instruction; `weak` spans only add to the scores. Linear in the text; spans may be in any order.
 */
export function extractValues(text: string, spans: readonly ScoredSpan[] = noSpans, weak: readonly ScoredSpan[] = noSpans): readonly Value[] {
  const scored = byStart(spans);
  if (scored.length === 0 && !mayHoldValues(text)) return noValues;
  const scores = new Map<string, number>();
  const around = scoreAround(weak.length === 0 ? scored : byStart([...scored, ...weak]));
  const note = (value: string, at: number, weight: number): void => {
    const score = around(at, at + value.length) * weight;
    const known = scores.get(value);
    if (known === undefined ? scores.size < MAX_CANDIDATES || score > 0 : score > known) scores.set(value, score);
  };
  eachValue(text, (value, at) => note(value, at, 1));
  for (const region of regions(scored, text.length)) eachPhrase(text.slice(region.start, region.end), (phrase, at) => note(phrase, region.start + at, PHRASE_WEIGHT));
  const values = Array.from(scores, ([value, score]) => ({ text: value, score }));
  if (values.length <= MAX_VALUES) return values;
  return values.sort((a, b) => b.score - a.score).slice(0, MAX_VALUES);
}

const byStart = (spans: readonly ScoredSpan[]): readonly ScoredSpan[] =>
  spans.length === 0 ? spans : spans.filter((span) => span.score > 0).sort((a, b) => a.start - b.start);

/** The values of a text with where each stands; one that stands there twice comes twice. */
export function eachValue(text: string, found: (value: string, at: number) => void): void {
  SEED.lastIndex = 0;
  let from = 0;
  for (let seed = SEED.exec(text); seed !== null; seed = SEED.exec(text)) {
    const limit = Math.max(from, seed.index - MAX_TOKEN);
    let start = seed.index;
    while (start > limit && !isDelimiter(text.charCodeAt(start - 1))) start--;
    const last = Math.min(text.length, start + MAX_TOKEN);
    let end = start;
    let kinds = 0;
    for (let kind = 0; end < last && ((kind = kindOf(text.charCodeAt(end))) & bits.delimiter) === 0; end++) kinds |= kind;
    // A delimiter is a seed where it is invisible only, and then alone.
    from = Math.max(end, seed.index + 1, readToken(text, start, end, kinds, found));
    SEED.lastIndex = from;
  }
}

/** The values of an argument, and of a host also the domains above it: whoever owns a domain names hosts in it at will. */
export function eachPlace(text: string, found: (value: string) => void): void {
  eachValue(text, (value) => {
    found(value);
    if (value.includes("@") || value.includes("/") || !/\.[a-z]/.test(value)) return;
    const labels = value.split(".");
    for (let i = 1; i <= labels.length - 2 && i <= 3; i++) found(labels.slice(i).join("."));
  });
}

/**
 * As a whole, the way an instruction's words turn up again in an argument: one line without regard to case. Null where it
 * is too short or too long to say anything.
 */
export function phraseOf(text: string): string | null {
  if (text.length < 4 || text.length > MAX_PHRASE) return null;
  return (/\s\s|^\s|\s$|[\n\t]/.test(text) ? text.replace(/\s+/g, " ").trim() : text).toLowerCase();
}

/** Text in quotes, and names of two to four capitalised words. */
const PHRASE = /(["'`])(?=\S)([^"'`\n]{4,80}?)(?<=\S)\1|\p{Lu}[\p{L}'-]+(?: \p{Lu}[\p{L}'-]+){1,3}/gu;

function eachPhrase(text: string, found: (value: string, at: number) => void): void {
  for (const match of text.matchAll(PHRASE)) {
    const phrase = phraseOf(match[2] ?? match[0]);
    if (phrase !== null) found(phrase, match.index);
  }
}

/** Where a text reads as an instruction, joined where spans touch. */
function regions(spans: readonly ScoredSpan[], length: number): { start: number; end: number }[] {
  const joined: { start: number; end: number }[] = [];
  for (const span of spans) {
    if (span.score < INSTRUCTION) continue;
    const end = Math.min(span.end, length);
    const last = joined.at(-1);
    if (last && span.start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start: span.start, end });
  }
  return joined;
}

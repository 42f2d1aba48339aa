import { findEncoded } from "./encoded.ts";
import { eachWindow } from "./features.ts";
import { foreignStretches, matchForeign } from "./foreign.ts";
import { decodeTags, findHidden, type Hidden } from "./hidden.ts";
import { probability, rawScore, shippedModel, type TextModel } from "./model.ts";
import { findPatterns, forPatterns, markupTokens, patterns } from "./patterns.ts";
import { findSegments, isCandidate, type Segments } from "./segments.ts";
import { foreignBit } from "./words.ts";

/** A stretch of text that reads like an instruction. Offsets are as in the input: bytes of a buffer, UTF-16 units of a string. */
export interface ScanSpan {
  start: number;
  end: number;
  score: number;
}

export interface ScanResult {
  /** 0 to 1. At 0.5 about one benign text in two hundred is flagged; what is too weak to mean anything is 0. */
  score: number;
  /** At most 32, by position; weaker ones than `score` shows are among them. */
  spans: ScanSpan[];
  /** Names of explicit patterns that matched, sorted. */
  patterns: string[];
  hidden: Hidden[];
  /** The text was larger than is scanned, or held more candidates than are judged. */
  truncated: boolean;
}

export const maxScanBytes = 256 * 1024;
/** Of a larger text its first part and its last part are scanned. */
const headBytes = 192 * 1024;
const maxSpans = 32;
const leastSpan = 0.05;
/** Scores under this are 0: below it benign text and instructions can't be told apart. */
export const floorScore = 0.4;
const sureScore = 0.97;
const markupLift = 1;

const noHints: readonly number[] = [];
const none: ScanResult = Object.freeze({ score: 0, spans: [], patterns: [], hidden: [], truncated: false });

/** Scans plain text. */
export function scanText(text: string | Uint8Array, model: TextModel = shippedModel()): ScanResult {
  if (typeof text !== "string") return scanBytes(asBuffer(text), false, model, 0);
  const bytes = Buffer.from(text, "utf8");
  const result = scanBytes(bytes, false, model, 0);
  return bytes.length === text.length ? result : { ...result, ...inUnits(result, bytes) };
}

/** Scans a tool result as it came over the wire, JSON and all: escapes count as what they stand for, nothing is parsed. */
export function scanJson(bytes: Uint8Array, model: TextModel = shippedModel()): ScanResult {
  return scanBytes(asBuffer(bytes), true, model, 0);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class Findings {
  score = 0;
  readonly spans: ScanSpan[] = [];
  readonly patterns = new Set<string>();
  readonly hidden: Hidden[] = [];
  truncated = false;

  raise(score: number): void {
    if (score > this.score) this.score = score;
  }

  span(start: number, end: number, score: number): void {
    if (score < leastSpan) return;
    this.spans.push({ start, end, score });
    if (this.spans.length >= maxSpans * 2) this.#prune();
  }

  #prune(): void {
    this.spans.sort((a, b) => b.score - a.score || a.start - b.start).splice(maxSpans);
  }

  result(): ScanResult {
    if (this.spans.length === 0 && this.patterns.size === 0 && this.hidden.length === 0 && !this.truncated && this.score === 0) return none;
    this.#prune();
    this.spans.sort((a, b) => a.start - b.start);
    return { score: this.score < floorScore ? 0 : this.score, spans: this.spans, patterns: [...this.patterns].sort(), hidden: this.hidden, truncated: this.truncated };
  }
}

function scanBytes(bytes: Buffer, json: boolean, model: TextModel, depth: number): ScanResult {
  const found = new Findings();
  if (bytes.length <= maxScanBytes) {
    scanRange(bytes, 0, bytes.length, json, model, depth, found);
  } else {
    found.truncated = true;
    scanRange(bytes, 0, headBytes, json, model, depth, found);
    scanRange(bytes, bytes.length - (maxScanBytes - headBytes), bytes.length, json, model, depth, found);
  }
  return found.result();
}

function scanRange(bytes: Buffer, from: number, to: number, json: boolean, model: TextModel, depth: number, found: Findings): void {
  const segments = findSegments(bytes, from, to, json);
  if (segments.overflow) found.truncated = true;
  const { high, escapes } = segments;
  const lift = findMarkup(bytes, from, to, segments.tags, found);
  if (segments.count > 0) judgeSegments(bytes, segments, lift, model, found);
  if (high) {
    for (const [start, end] of foreignStretches(bytes, from, to)) sureWhere(matchForeign(forPatterns(bytes, start, end)), start, end, found);
  }
  found.hidden.push(...findHidden(bytes, from, to, high, escapes));
  if (depth === 0) lookInside(bytes, from, to, model, found);
}

function judgeSegments(bytes: Buffer, segments: Segments, lift: number, model: TextModel, found: Findings): void {
  const shape = { words: segments.words, total: segments.total, kept: segments.count };
  const hints = new Map<number, number[]>();
  findPatterns(bytes, segments, (s, i) => {
    const { name, sure } = patterns[i]!;
    if (sure) return sureWhere([name], segments.start[s]!, segments.end[s]!, found);
    found.patterns.add(name);
    const list = hints.get(s);
    if (list === undefined) hints.set(s, [i]);
    else list.push(i);
  });
  for (let s = 0; s < segments.count; s++) {
    const start = segments.start[s]!;
    const end = segments.end[s]!;
    const bits = segments.bits[s]!;
    if ((bits & foreignBit) !== 0) {
      sureWhere(matchForeign(forPatterns(bytes, start, end)), start, end, found);
      if (!isCandidate(segments.first[s]!, segments.lead[s]!, bits & ~foreignBit, segments.length[s]!, segments.closed[s]!)) continue;
    }
    eachWindow(bytes, segments, s, shape, hints.get(s) ?? noHints, (f) => {
      const score = probability(model, rawScore(model, f.index, f.count) + lift);
      found.raise(score);
      found.span(f.from, f.to, score);
    });
  }
}

function sureWhere(names: readonly string[], start: number, end: number, found: Findings): void {
  for (const name of names) found.patterns.add(name);
  if (names.length === 0) return;
  const score = 1 - (1 - sureScore) / names.length;
  found.raise(score);
  found.span(start, end, score);
}

/** Chat templates' tokens are sure; tags that pose as a turn lift what the model says of the text. */
function findMarkup(bytes: Buffer, from: number, to: number, brackets: boolean, found: Findings): number {
  let lift = 0;
  for (const { name, sure, token, inBrackets } of markupTokens) {
    if (inBrackets && !brackets) continue;
    const at = bytes.indexOf(token, from);
    if (at === -1 || at >= to) continue;
    if (sure) sureWhere([name], at, at + token.length, found);
    else {
      found.patterns.add(name);
      lift = markupLift;
    }
  }
  return lift;
}

/** Scans what is encoded or spelled in invisible characters, one level deep. */
function lookInside(bytes: Buffer, from: number, to: number, model: TextModel, found: Findings): void {
  for (const one of findEncoded(bytes, from, to)) {
    found.hidden.push({ kind: one.kind, at: one.at, count: one.count });
    const inner = scanBytes(one.decoded, false, model, 1);
    for (const name of inner.patterns) found.patterns.add(name);
    found.raise(inner.score);
    if (inner.score > 0) found.span(one.at, Math.min(to, one.at + one.decoded.length), inner.score);
  }
  const tags = found.hidden.find((h) => h.kind === "tag-characters" || h.kind === "variation-selectors");
  if (tags === undefined) return;
  const inner = scanBytes(Buffer.from(decodeTags(bytes.toString("utf8", tags.at, Math.min(to, tags.at + 16_384)))), false, model, 1);
  for (const name of inner.patterns) found.patterns.add(name);
  // Nothing legitimate spells text in characters that are never shown.
  const score = Math.max(inner.score, tags.kind === "tag-characters" && tags.count >= 8 ? 0.9 : 0.6);
  found.raise(score);
  found.span(tags.at, Math.min(to, tags.at + tags.count * 4), score);
}

/** Byte offsets as UTF-16 offsets of the string that the bytes came from. */
function inUnits(result: ScanResult, bytes: Buffer): Pick<ScanResult, "spans" | "hidden"> {
  const offsets = [...new Set([...result.spans.flatMap((s) => [s.start, s.end]), ...result.hidden.map((h) => h.at)])].sort((a, b) => a - b);
  const units = new Map<number, number>();
  let at = 0;
  let unit = 0;
  for (const offset of offsets) {
    unit += bytes.toString("utf8", at, offset).length;
    at = offset;
    units.set(offset, unit);
  }
  return {
    spans: result.spans.map((s) => ({ start: units.get(s.start)!, end: units.get(s.end)!, score: s.score })),
    hidden: result.hidden.map((h) => ({ ...h, at: units.get(h.at)! })),
  };
}

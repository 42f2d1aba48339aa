import { classBit, classesOf, foreignBit, hashSeed, wordByte } from "./words.ts";

/**
 * The first pass, over the bytes: cuts text into segments (sentences, lines, quoted values, cells) and keeps those that could
 * be an instruction by the words in them. Everything later looks at kept segments alone, so this pass is what clean text costs.
 * Escapes of JSON count as what they stand for, however often they are nested, so that a result needs no parsing.
 */
export const boundary = { edge: 0, line: 1, sentence: 2, question: 3, exclaim: 4, quote: 5, cell: 6, tag: 7, colon: 8, cut: 9 } as const;

export const maxSegments = 512;
/** Longer runs without any boundary are cut. */
const maxWords = 80;

/** What one pass found. The arrays are reused by the next pass: take what you need before it. */
export interface Segments {
  count: number;
  /** More segments were kept than there is room for: the rest was not judged. */
  overflow: boolean;
  /** All words and all segments of the text, kept or not; of a tool result's JSON, the words of its text blocks. */
  words: number;
  total: number;
  /** Some word holds bytes above 0x7f. */
  high: boolean;
  /** There are angle brackets; there are `\u` escapes. */
  tags: boolean;
  escapes: boolean;
  start: Int32Array;
  end: Int32Array;
  /** Classes of the words in it (all of them or'ed), and of the word it begins with, lead words left out. */
  bits: Int32Array;
  first: Int32Array;
  lead: Int32Array;
  opened: Uint8Array;
  closed: Uint8Array;
  length: Int32Array;
  /** Which of all segments it is. */
  ordinal: Int32Array;
}

const b = classBit;
export const verbBits = b.create | b.explain | b.alter | b.transfer | b.change | b.override;
const leadBits = b.polite | b.lead | b.urgent;
const explicitBits = b.control | b.earlier | b.role;

// Numbers of their own, not of an object: the switch in the inner loop needs constants.
const kLine = 1;
const kStop = 2;
const kQuote = 3;
const kBackslash = 4;
const kCell = 5;
const kTag = 6;
const kColon = 7;
const kApostrophe = 8;
const kSpace = 9;
const kind = new Uint8Array(256);
for (const [chars, k] of [["\n\r", kLine], [".!?", kStop], ['"`', kQuote], ["\\", kBackslash], ["|\t", kCell], ["<>", kTag], [":", kColon], ["'", kApostrophe], [" ", kSpace]] as const) {
  for (const c of chars) kind[c.charCodeAt(0)] = k;
}
const opensAfter = bytesOf(":,[{(=|>\n");
const closesBefore = bytesOf(",:]})|<\n\r");

function bytesOf(chars: string): Uint8Array {
  const out = new Uint8Array(256);
  for (const c of chars) out[c.charCodeAt(0)] = 1;
  return out;
}

const scratch: Segments = {
  count: 0,
  overflow: false,
  words: 0,
  total: 0,
  high: false,
  tags: false,
  escapes: false,
  start: new Int32Array(maxSegments),
  end: new Int32Array(maxSegments),
  bits: new Int32Array(maxSegments),
  first: new Int32Array(maxSegments),
  lead: new Int32Array(maxSegments),
  opened: new Uint8Array(maxSegments),
  closed: new Uint8Array(maxSegments),
  length: new Int32Array(maxSegments),
  ordinal: new Int32Array(maxSegments),
};

export function isCandidate(first: number, lead: number, bits: number, words: number, closed: number): boolean {
  if (words < 2) return false;
  if ((bits & b.override) !== 0 && (bits & explicitBits) !== 0) return true;
  if (words < 3) return false;
  if ((first & verbBits) !== 0) return true;
  if ((first & b.question) !== 0 && (closed === boundary.question || ((bits & b.you) !== 0 && (bits & b.me) !== 0))) return true;
  if ((bits & b.you) !== 0 && (bits & (verbBits | b.reply | b.artefact | b.role | b.control)) !== 0) return true;
  if (((bits | lead) & b.polite) !== 0 && (bits & verbBits) !== 0) return true;
  if ((bits & b.role) !== 0 && (bits & (b.control | b.urgent | b.only)) !== 0) return true;
  // What a person would only say of what is their own, in the middle of a sentence.
  if ((bits & b.me) !== 0 && (bits & verbBits) !== 0 && (bits & (b.money | b.credential | b.personal)) !== 0) return true;
  return (bits & b.urgent) !== 0 && (bits & verbBits) !== 0 && (bits & (b.control | b.credential | b.secret | b.tool)) !== 0;
}

/**
 * Segments of `bytes` from `from` to `to`. One pass, no allocation. With `json`, the bytes are a tool result as it came over
 * the wire, and the value of a content block's `text` begins and ends as a text of its own.
 */
export function findSegments(bytes: Uint8Array, from: number, to: number, json = false): Segments {
  const out = scratch;
  // Locals: a binding of another module is looked up each time.
  const table = wordByte;
  const kinds = kind;
  out.count = 0;
  out.overflow = false;
  out.words = 0;
  out.total = 0;
  out.tags = false;
  out.escapes = false;
  let start = from;
  let opened: number = boundary.edge;
  let bits = 0;
  let first = 0;
  let lead = 0;
  let leads = 0;
  let begun = false;
  let words = 0;
  // The last byte that was no space and no backslash.
  let last = 0x0a;
  let seen = 0;
  let inText = false;
  let blocks = 0;
  let wordsBefore = 0;
  let wordsInside = 0;
  let i = from;
  while (i < to) {
    const c = bytes[i]!;
    let w = table[c]!;
    let closed = -1;
    let next = i + 1;
    if (w !== 0) {
      const at = i;
      let h = hashSeed;
      do {
        h = Math.imul(h ^ w, 0x01000193);
        seen |= w;
        i++;
        w = i < to ? table[bytes[i]!]! : 0;
      } while (w !== 0);
      words++;
      const length = i - at;
      const is = length > 1 && length < 16 && c >= 0x41 ? classesOf(h) : 0;
      bits |= is;
      if (!begun && length > 1 && c >= 0x41) {
        if ((is & leadBits) !== 0 && (is & verbBits) === 0 && leads < 5) {
          lead |= is;
          leads++;
        } else {
          // A verb that asks stands on its own: not list[0], not text(s).
          first = (is & verbBits) === 0 || (i < to && bytes[i] === 0x20) ? is : 0;
          begun = true;
        }
      }
      last = 0x61;
      if (words < maxWords) continue;
      closed = boundary.cut;
      next = i;
    } else {
      switch (kinds[c]!) {
        case kSpace:
          i++;
          continue;
        case kLine:
          closed = boundary.line;
          last = 0x0a;
          break;
        case kStop: {
          const n = next < to ? bytes[next]! : 0x20;
          if (table[n] === 0 && n !== 0x2e && n !== 0x2f) closed = c === 0x2e ? boundary.sentence : c === 0x3f ? boundary.question : boundary.exclaim;
          last = c;
          break;
        }
        case kBackslash: {
          while (next < to && bytes[next] === 0x5c) next++;
          const n = next < to ? bytes[next]! : 0;
          if (n === 0x6e || n === 0x72 || n === 0x74) {
            closed = n === 0x74 ? boundary.cell : boundary.line;
            next++;
            last = 0x0a;
          } else if (n === 0x75) {
            next += 5;
            out.escapes = true;
          }
          else if (n === 0x0a) closed = boundary.line;
          break;
        }
        case kApostrophe:
          // Between two letters it belongs to the word.
          if (last === 0x61 && i > from && table[bytes[i - 1]!] !== 0 && next < to && table[bytes[next]!] !== 0) break;
        // falls through
        case kQuote: {
          if (opensAfter[last] === 1) closed = boundary.quote;
          else {
            let n = next;
            while (n < to && bytes[n] === 0x20) n++;
            if (n >= to || closesBefore[bytes[n]!] === 1 || (bytes[n] === 0x5c && n + 1 < to && (bytes[n + 1] === 0x6e || bytes[n + 1] === 0x5c))) closed = boundary.quote;
          }
          last = c;
          if (json && closed >= 0 && c === 0x22) {
            const escaped = i > 0 && bytes[i - 1] === 0x5c;
            if (inText && !escaped) {
              inText = false;
              wordsInside += out.words + words - wordsBefore;
              closed = boundary.edge;
            } else if (!inText && !escaped && opensTextBlock(bytes, i)) {
              inText = true;
              blocks++;
              wordsBefore = out.words + words;
              closed = boundary.edge;
            }
          }
          break;
        }
        case kCell:
          closed = boundary.cell;
          last = 0x7c;
          break;
        case kTag:
          closed = boundary.tag;
          out.tags = true;
          last = c;
          break;
        case kColon:
          if (next >= to || table[bytes[next]!] === 0) closed = boundary.colon;
          last = c;
          break;
        default:
          last = c;
      }
    }
    if (closed >= 0) {
      if (words > 0) {
        out.words += words;
        out.total++;
        if (words > 1 && (bits | lead) !== 0) keep(out, start, i, first, lead, bits, words, opened, closed);
        opened = closed;
        words = 0;
        bits = first = lead = leads = 0;
        begun = false;
      } else if (closed !== boundary.sentence) opened = opened === boundary.quote && closed === boundary.tag ? opened : closed;
      start = next;
    }
    i = next;
  }
  out.words += words;
  if (words > 1) keep(out, start, to, first, lead, bits, words, opened, boundary.edge);
  if (blocks > 0) out.words = inText ? wordsInside + out.words - wordsBefore : wordsInside;
  out.high = (seen & 0x80) !== 0;
  return out;
}

/** Whether the quote at `at` opens the value of a key `text`. */
function opensTextBlock(bytes: Uint8Array, at: number): boolean {
  if (at < 9) return false;
  let i = at - 1;
  while (i > 8 && bytes[i] === 0x20) i--;
  if (bytes[i] !== 0x3a || bytes[i - 1] !== 0x22) return false;
  return bytes[i - 2] === 0x74 && bytes[i - 3] === 0x78 && bytes[i - 4] === 0x65 && bytes[i - 5] === 0x74 && bytes[i - 6] === 0x22 && bytes[i - 7] !== 0x5c;
}

function keep(out: Segments, start: number, end: number, first: number, lead: number, bits: number, words: number, opened: number, closed: number): void {
  if ((bits & foreignBit) === 0 && !isCandidate(first, lead, bits, words, closed)) return;
  const n = out.count;
  if (n >= maxSegments) {
    out.overflow = true;
    return;
  }
  out.start[n] = start;
  out.end[n] = end;
  out.bits[n] = bits | lead;
  out.first[n] = first;
  out.lead[n] = lead;
  out.opened[n] = opened;
  out.closed[n] = closed;
  out.length[n] = words;
  out.ordinal[n] = out.total;
  out.count = n + 1;
}

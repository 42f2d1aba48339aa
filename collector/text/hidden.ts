/**
 * Characters that a person doesn't see and a model reads, and payloads that only a decoder sees. Found in bytes, because
 * clean ASCII holds none of the lead bytes; JSON's `\u` escapes of the same characters count too.
 */
export type HiddenKind = "zero-width" | "bidi-control" | "tag-characters" | "variation-selectors" | "private-use" | "control-characters" | "base64" | "hex" | "percent-encoded";

export interface Hidden {
  kind: HiddenKind;
  /** Byte offset of the first one. */
  at: number;
  count: number;
}

const maxCounted = 4096;
const escapedU = Buffer.from("\\u");

type Found = Map<HiddenKind, Hidden>;

/** Characters hidden between `from` and `to`; `high` and `escapes` are as the first pass saw them. */
export function findHidden(bytes: Buffer, from: number, to: number, high: boolean, escapes: boolean): Hidden[] {
  if (!high && !escapes) return [];
  const found: Found = new Map();
  if (high) inUtf8(bytes, from, to, found);
  if (escapes) inEscapes(bytes, from, to, found);
  const hidden = [...found.values()].filter((one) => one.count >= leastOf(one.kind, to - from));
  return hidden.sort((a, b) => a.at - b.at);
}

/** Ordinary text holds a few of some: emoji joiners and selectors, a byte order mark, a soft hyphen, marks in right-to-left text. */
function leastOf(kind: HiddenKind, length: number): number {
  if (kind === "tag-characters" || kind === "bidi-control") return 1;
  if (kind === "variation-selectors") return 8;
  return kind === "zero-width" ? Math.max(3, length >> 11) : 3;
}

function note(found: Found, kind: HiddenKind, at: number): void {
  const one = found.get(kind);
  if (one === undefined) found.set(kind, { kind, at, count: 1 });
  else if (one.count < maxCounted) one.count++;
}

function inUtf8(bytes: Buffer, from: number, to: number, found: Found): void {
  // The selectors that follow an emoji are ordinary; a run of them carries data.
  let lastSelector = -8;
  for (let i = from; i < to; i++) {
    const c = bytes[i]!;
    if (c < 0xe2) continue;
    const d = bytes[i + 1]!;
    const e = bytes[i + 2]!;
    if (c === 0xe2 && d === 0x80) {
      if (e === 0x8b || e === 0x8c) note(found, "zero-width", i);
      // A joiner between two emoji is part of a picture.
      else if (e === 0x8d && !(bytes[i + 3]! >= 0xe2 && bytes[i - 1]! >= 0x80)) note(found, "zero-width", i);
      else if (e >= 0xaa && e <= 0xae) note(found, "bidi-control", i);
    } else if (c === 0xe2 && d === 0x81) {
      if (e >= 0xa0 && e <= 0xa4) note(found, "zero-width", i);
      else if (e >= 0xa6 && e <= 0xa9) note(found, "bidi-control", i);
    } else if (c === 0xef && d === 0xbb && e === 0xbf && i > from) note(found, "zero-width", i);
    else if (c === 0xef && d === 0xb8 && e >= 0x80 && e <= 0x8f) {
      if (i - lastSelector <= 3) note(found, "variation-selectors", i);
      lastSelector = i;
    } else if (c === 0xf3 && d === 0xa0) {
      const flag = bytes[i - 4] === 0xf0 && bytes[i - 3] === 0x9f && bytes[i - 2] === 0x8f && bytes[i - 1] === 0xb4;
      // Flags of regions are a black flag and up to six tag characters.
      if (flag) {
        i += 4 * 6 - 1;
        continue;
      }
      if (e === 0x80 || e === 0x81) note(found, "tag-characters", i);
      else if (e >= 0x84 && e <= 0x87) note(found, "variation-selectors", i);
      i += 3;
    } else if (c === 0xee) note(found, "private-use", i);
  }
}

function inEscapes(bytes: Buffer, from: number, to: number, found: Found): void {
  let steps = 0;
  for (let at = bytes.indexOf(escapedU, from); at !== -1 && at + 6 <= to && steps < maxCounted; at = bytes.indexOf(escapedU, at + 2), steps++) {
    const code = Number.parseInt(bytes.toString("latin1", at + 2, at + 6), 16);
    if ((code >= 0x200b && code <= 0x200d) || (code >= 0x2060 && code <= 0x2064) || code === 0xfeff) note(found, "zero-width", at);
    else if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) note(found, "bidi-control", at);
    else if (code === 0xdb40) note(found, "tag-characters", at);
    else if (code < 0x20 && code !== 9 && code !== 10 && code !== 13 && code !== 0x1b) note(found, "control-characters", at);
  }
}

/** Text that tag characters or runs of selectors spell, decoded; empty where there are none. At most 2,000 characters. */
export function decodeTags(text: string): string {
  let out = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xe0020 && code <= 0xe007e) out += String.fromCharCode(code - 0xe0000);
    else if (code >= 0xe0100 && code <= 0xe01ef) out += String.fromCharCode(code - 0xe0100 + 16);
    if (out.length >= 2000) break;
  }
  return out;
}

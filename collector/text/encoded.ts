import type { Hidden } from "./hidden.ts";

/**
 * Payloads that hide words behind an encoding. A long run of base64, hexadecimal or percent escapes is looked at only where
 * it decodes to text made of words: pictures, keys and digests are no finding.
 */
export interface Encoded extends Hidden {
  /** What it decodes to, at most 4,096 bytes. */
  decoded: Buffer;
}

const maxPayloads = 8;
const maxDecoded = 4096;
const leastBase64 = 24;
const leastHex = 40;

/** Finds runs by jumping: a run of at least 24 holds a byte at every multiple of 12, so that most bytes are never looked at. */
export function findEncoded(bytes: Buffer, from: number, to: number): Encoded[] {
  const out: Encoded[] = [];
  const step = leastBase64 - 1;
  for (let i = from + step; i < to && out.length < maxPayloads; ) {
    if (inRun[bytes[i]!] === 0) {
      i += step;
      continue;
    }
    let start = i;
    while (start > from && inRun[bytes[start - 1]!] !== 0) start--;
    if (i - start > step * 4096) start = i;
    let end = i + 1;
    while (end < to && inRun[bytes[end]!] !== 0) end++;
    if (end - start >= leastBase64) {
      const one = decode(bytes, start, end);
      if (one !== undefined) out.push(one);
    }
    i = end + step;
  }
  return out;
}

const inRun = new Uint8Array(256);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=%") inRun[c.charCodeAt(0)] = 1;

function decode(bytes: Buffer, start: number, end: number): Encoded | undefined {
  const run = bytes.toString("latin1", start, Math.min(end, start + maxDecoded * 2));
  if (run.includes("%")) {
    if ((run.match(/%[0-9a-fA-F]{2}/g)?.length ?? 0) < 12) return undefined;
    const decoded = Buffer.from(run.replaceAll(/%([0-9a-fA-F]{2})/g, (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), "latin1");
    return isText(decoded) ? { kind: "percent-encoded", at: start, count: 1, decoded } : undefined;
  }
  if (run.length >= leastHex && /^[0-9a-fA-F]+$/.test(run)) {
    const decoded = Buffer.from(run.length % 2 === 0 ? run : run.slice(0, -1), "hex");
    return isText(decoded) ? { kind: "hex", at: start, count: 1, decoded } : undefined;
  }
  const decoded = Buffer.from(run, "base64").subarray(0, maxDecoded);
  return isText(decoded) ? { kind: "base64", at: start, count: 1, decoded } : undefined;
}

/** Nearly all printable, with spaces as often as words have them. */
function isText(decoded: Buffer): boolean {
  if (decoded.length < 16) return false;
  let printable = 0;
  let spaces = 0;
  let letters = 0;
  for (const c of decoded) {
    if (c === 0x20 || c === 0x0a) spaces++;
    if ((c >= 0x20 && c < 0x7f) || c === 0x0a || c === 0x0d || c === 0x09) printable++;
    if ((c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a)) letters++;
  }
  return printable >= decoded.length * 0.95 && spaces * 12 >= decoded.length && letters * 10 >= decoded.length * 6;
}

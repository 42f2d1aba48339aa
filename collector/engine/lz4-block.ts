/**
 * LZ4's block format. The packages on npm that decode it in JavaScript trust their input, and native ones would be needed
 * for every platform; the format is a page long.
 */

/** What the bytes say cannot be: a length or an offset that leads out of the block or the result. */
export class MalformedBlock extends Error {}

const MIN_MATCH = 4;
/** A length that does not fit into its half of the token goes on in bytes, the last of which is below 255. */
const LONG = 15;

/** Decodes `source` into `target`, which must be exactly as large as the result. Throws MalformedBlock. */
export function decodeLz4Block(source: Buffer, target: Buffer): void {
  let at = 0;
  let to = 0;
  const length = (half: number): number => {
    let sum = half;
    if (half < LONG) return sum;
    for (;;) {
      const more = source[at++];
      if (more === undefined) throw new MalformedBlock("a length has no end");
      sum += more;
      if (more < 255) return sum;
      if (sum > target.length) throw new MalformedBlock("a length is larger than the result");
    }
  };

  for (;;) {
    const token = source[at++];
    if (token === undefined) throw new MalformedBlock("the block ends too early");
    const literals = length(token >> 4);
    if (literals > source.length - at || literals > target.length - to) throw new MalformedBlock("literals do not fit");
    copyBytes(source, at, target, to, literals);
    at += literals;
    to += literals;
    // The last sequence of a block has literals only.
    if (at === source.length) break;
    if (source.length - at < 2) throw new MalformedBlock("an offset has no end");
    const offset = (source[at] as number) | ((source[at + 1] as number) << 8);
    at += 2;
    const match = length(token & LONG) + MIN_MATCH;
    if (offset === 0 || offset > to) throw new MalformedBlock("an offset leads out of the result");
    if (match > target.length - to) throw new MalformedBlock("a match does not fit");
    // A match may overlap itself, which repeats its beginning: so byte by byte where the two are close.
    if (offset >= match) copyBytes(target, to - offset, target, to, match);
    else for (let i = 0; i < match; i++) target[to + i] = target[to + i - offset] as number;
    to += match;
  }
  if (to !== target.length) throw new MalformedBlock("the result is shorter than it should be");
}

/** Below this many bytes a loop beats the fixed cost of a native copy. */
const LOOP_COPY_LIMIT = 32;

function copyBytes(source: Buffer, from: number, target: Buffer, to: number, n: number): void {
  if (n <= LOOP_COPY_LIMIT) for (let i = 0; i < n; i++) target[to + i] = source[from + i] as number;
  else source.copy(target, to, from, from + n);
}

/**
 * `bytes` as a block of literals: valid LZ4 that every reader takes, without the search for repetitions. Who asks for frames
 * wants the checksum at least, and the reader is on this machine.
 */
export function literalLz4Block(bytes: Buffer): Buffer {
  const extra = bytes.length < LONG ? 0 : Math.floor((bytes.length - LONG) / 255) + 1;
  const block = Buffer.allocUnsafe(1 + extra + bytes.length);
  block[0] = Math.min(bytes.length, LONG) << 4;
  block.fill(255, 1, 1 + extra);
  if (extra > 0) block[extra] = (bytes.length - LONG) % 255;
  bytes.copy(block, 1 + extra);
  return block;
}

import { hash } from "node:crypto";

/**
 * The tree hash of RFC 6962, section 2.1: a leaf is hashed behind a zero byte and an inner node behind a one, so that no
 * node can be passed off as a leaf. The leaves are the records' hashes.
 */
const LEAF = 0;
const NODE = 1;
export const HASH_BYTES = 32;

const sha256 = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");

export const leafHash = (data: Uint8Array): Buffer => sha256(Buffer.concat([Buffer.of(LEAF), data]));

/** One node at a time is hashed, so one piece of memory does for all. */
const node = Buffer.alloc(1 + 2 * HASH_BYTES, NODE);

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return sha256(node);
}

/** A tree that grows by its right edge. It keeps the roots of its complete subtrees, as many as the bits of its size say. */
export class GrowingTree {
  readonly #subtrees: Buffer[] = [];
  #size = 0;

  add(data: Uint8Array): void {
    let root = leafHash(data);
    for (let full = this.#size; full & 1; full >>>= 1) root = nodeHash(this.#subtrees.pop()!, root);
    this.#subtrees.push(root);
    this.#size++;
  }

  /** The tree of no leaf is the hash of nothing. */
  root(): Buffer {
    return this.#size === 0 ? sha256(new Uint8Array(0)) : this.#subtrees.reduceRight((right, left) => nodeHash(left, right));
  }
}

/** A leaf's data, by its position. */
export type LeafAt = (index: number) => Uint8Array;

/** Leaves that are hashes, one behind the other. */
export const hashesIn = (bytes: Uint8Array): LeafAt => (i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);

/** Over the leaves `from` to before `to`. */
export function merkleRoot(leafAt: LeafAt, to: number, from = 0): Buffer {
  const tree = new GrowingTree();
  for (let i = from; i < to; i++) tree.add(leafAt(i));
  return tree.root();
}

/** The siblings on the way from leaf `index` to the root, lowest first. */
export function inclusionPath(leafAt: LeafAt, index: number, to: number, from = 0): Buffer[] {
  if (to - from <= 1) return [];
  const split = from + largestPowerBelow(to - from);
  return index < split
    ? [...inclusionPath(leafAt, index, split, from), merkleRoot(leafAt, to, split)]
    : [...inclusionPath(leafAt, index, to, split), merkleRoot(leafAt, split, from)];
}

/** The root that `path` leads to from the leaf `data` at `index` of `size`; null where the path has the wrong length. */
export function rootOfPath(data: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Buffer | null {
  if (index >= size) return null;
  let [at, last] = [index, size - 1];
  let root = leafHash(data);
  for (const sibling of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      root = nodeHash(sibling, root);
      // A node without a right neighbour is carried up to the level on which it has a left one.
      while (at % 2 === 0 && at > 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      root = nodeHash(root, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? root : null;
}

function largestPowerBelow(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

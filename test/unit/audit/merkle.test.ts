import { describe, expect, test } from "vitest";
import { inclusionPath, leafHash, merkleRoot, nodeHash, rootOfPath, type LeafAt } from "../../../collector/audit/checkpoint/merkle.ts";
import { seededRandom } from "../../support/random.ts";

const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString("hex");
const at = (leaves: readonly Uint8Array[]): LeafAt => (i) => leaves[i]!;
const root = (leaves: readonly Uint8Array[]): string => hex(merkleRoot(at(leaves), leaves.length));

/** The leaves and roots that Certificate Transparency's implementations share as their reference. */
const referenceLeaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((text) => Buffer.from(text, "hex"));
const referenceRoots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

describe("a Merkle tree", () => {
  test.each(referenceRoots.map((expected, size) => [size, expected]))("of the first %d reference leaves has the reference root", (size, expected) => {
    expect(root(referenceLeaves.slice(0, Number(size)))).toBe(expected);
  });

  test("does not take a node for a leaf", () => {
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    expect(hex(leafHash(Buffer.concat([a, b])))).not.toBe(hex(nodeHash(a, b)));
  });
});

describe("an inclusion path", () => {
  const random = seededRandom(42);
  const leaf = (): Buffer => Buffer.from(Array.from({ length: 32 }, () => random.int(0, 256)));

  test("proves every leaf of every tree of 1 to 70 leaves, in as many steps as the tree is high at most", () => {
    for (let size = 1; size <= 70; size++) {
      const leaves = Array.from({ length: size }, leaf);
      for (let i = 0; i < size; i++) {
        const path = inclusionPath(at(leaves), i, size);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(hex(rootOfPath(leaves[i]!, i, size, path)), `${i} of ${size}`).toBe(root(leaves));
      }
    }
  });

  test("proves nothing else: another leaf, place, path, or a path cut or lengthened", () => {
    for (let size = 1; size <= 70; size++) {
      const leaves = Array.from({ length: size }, leaf);
      const expected = root(leaves);
      const i = random.int(0, size);
      const path = inclusionPath(at(leaves), i, size);
      const proves = (data: Uint8Array, index: number, of: number, by: readonly Uint8Array[]): boolean => hex(rootOfPath(data, index, of, by)) === expected;
      expect(proves(leaf(), i, size, path)).toBe(false);
      expect(proves(leaves[i]!, i, size, [...path, leaf()])).toBe(false);
      expect(rootOfPath(leaves[i]!, size, size, path)).toBeNull();
      for (let other = 0; other < size; other++) if (other !== i) expect(proves(leaves[i]!, other, size, path), `${i} as ${other} of ${size}`).toBe(false);
      for (let cut = 0; cut < path.length; cut++) {
        expect(proves(leaves[i]!, i, size, path.filter((_, step) => step !== cut))).toBe(false);
        expect(proves(leaves[i]!, i, size, path.with(cut, leaf()))).toBe(false);
      }
    }
  });
});

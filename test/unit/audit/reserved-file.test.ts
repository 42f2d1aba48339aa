import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { nodeDisk } from "../../../collector/audit/disk.ts";

const BLOCK = 4096;
/** Around a block, around what is written at once, and many at once. */
const SIZES = [0, 1, 700, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 900_000];

let dir: string;
let path: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "signalbox-reserved-"));
  path = join(dir, "00000000000000000001.ndjson");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Bytes that say where they are, and none of them zero. */
const text = (from: number, length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => 1 + ((from + i) % 251)));
const open = () => nodeDisk.openAppend(path, { reserve: true });

it("holds what was written, one behind the other whatever their sizes, with zeros behind it", async () => {
  const file = await open();
  let used = 0;
  for (const first of SIZES) {
    for (const size of [first, 13, 900]) {
      await file.write(text(used, size));
      used += size;
    }
    const found = await readFile(path);
    expect(found.subarray(0, used).equals(text(0, used))).toBe(true);
    expect(found.subarray(used).every((byte) => byte === 0)).toBe(true);
  }
  await file.close();
  expect((await readFile(path)).equals(text(0, used))).toBe(true);
});

it.each(SIZES)("goes on behind %i bytes that another left", async (size) => {
  await writeFile(path, text(0, size));
  const file = await open();
  await file.write(text(size, 900));
  await file.close();
  expect((await readFile(path)).equals(text(0, size + 900))).toBe(true);
});

it.each(SIZES)("goes on behind the first %i bytes, where what came after them is dropped", async (size) => {
  const file = await open();
  await file.write(text(0, size));
  await file.write(Buffer.alloc(5000, "x"));
  await file.truncate(size);
  await file.write(text(size, 900));
  await file.sync();
  await file.close();
  expect((await readFile(path)).equals(text(0, size + 900))).toBe(true);
});

import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { cityHash128 } from "../../../collector/engine/city-hash.ts";
import { frameWriter, readFrames, writeFrame } from "../../../collector/engine/frames.ts";
import { helloBlock, isHello } from "../../../collector/engine/hello.ts";
import { decodeLz4Block, literalLz4Block, MalformedBlock } from "../../../collector/engine/lz4-block.ts";
import { randomFrom } from "../../support/random.ts";
import { cityHashVectors, framesFromGo, framesText } from "../../fixtures/clickhouse-frames.ts";

const bytes = (n: number): Buffer => Buffer.from(Array.from({ length: n }, (_, i) => (i * 31 + 7) & 255));

async function read(frames: Buffer, pieceBytes = frames.length || 1): Promise<Buffer> {
  const pieces: Buffer[] = [];
  async function* source(): AsyncIterable<Buffer> {
    for (let at = 0; at < frames.length; at += pieceBytes) yield frames.subarray(at, at + pieceBytes);
  }
  for await (const piece of readFrames(source())) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A frame with a true checksum around whatever is given. */
function frame(method: number, data: Buffer, size: number, body = 9 + data.length): Buffer {
  const head = Buffer.alloc(9);
  head[0] = method;
  head.writeUInt32LE(body, 1);
  head.writeUInt32LE(size, 5);
  const all = Buffer.concat([head, data]);
  return Buffer.concat([cityHash128(all), all]);
}

describe("CityHash128", () => {
  it.each(cityHashVectors)("of %i bytes is what ClickHouse's has it", (n, hash) => {
    expect(cityHash128(bytes(n)).toString("hex")).toBe(hash);
  });
});

describe("frames", () => {
  it.each(Object.entries(framesFromGo))("as ClickHouse's Go client makes them with %s are read, in pieces of any size", async (_method, hex) => {
    const one = Buffer.from(hex, "hex");
    for (const pieceBytes of [1, 7, 25, 26, one.length, 1000]) {
      expect((await read(Buffer.concat([one, one]), pieceBytes)).toString()).toBe(framesText + framesText);
    }
  });

  it.each([0, 1, 14, 15, 16, 269, 270, 271, 525, 100_000])("that are written around %i bytes are read back", async (n) => {
    expect(await read(writeFrame(bytes(n)))).toEqual(bytes(n));
  });

  it("that are written to a stream are read back, however large what was written", async () => {
    const writer = frameWriter();
    const large = bytes(3_000_000);
    writer.write(bytes(10));
    writer.end(large);
    const out: Buffer[] = [];
    for await (const piece of writer) out.push(piece as Buffer);
    expect((await read(Buffer.concat(out))).equals(Buffer.concat([bytes(10), large]))).toBe(true);
  });

  it("of zstd are read", async () => {
    expect(await read(frame(0x90, zstdCompressSync(bytes(5000)), 5000))).toEqual(bytes(5000));
  });

  it.each<[what: string, frames: Buffer, code: number]>([
    ["a changed byte", flip(writeFrame(bytes(100)), 60), 40],
    ["a changed checksum", flip(writeFrame(bytes(100)), 3), 40],
    ["an end within the header", writeFrame(bytes(100)).subarray(0, 20), 33],
    ["an end within the data", writeFrame(bytes(100)).subarray(0, 80), 33],
    ["a size beyond every limit", Buffer.concat([Buffer.alloc(16), Buffer.of(0x82, 255, 255, 255, 255, 1, 0, 0, 0)]), 131],
    ["a result beyond every limit", Buffer.concat([Buffer.alloc(16), Buffer.of(0x82, 20, 0, 0, 0, 255, 255, 255, 255)]), 131],
    ["a size smaller than its header", Buffer.concat([Buffer.alloc(16), Buffer.of(0x82, 8, 0, 0, 0, 1, 0, 0, 0)]), 246],
    ["a method that is none", frame(0x91, bytes(10), 10), 89],
    ["a result that its data cannot hold", frame(0x82, bytes(10), 100_000_000), 271],
    ["LZ4 that is none", frame(0x82, bytes(10), 50), 271],
    ["zstd that is none", frame(0x90, bytes(10), 50), 271],
    ["zstd that holds more than it says", frame(0x90, zstdCompressSync(bytes(5000)), 4999), 271],
    ["zstd that holds less than it says", frame(0x90, zstdCompressSync(bytes(5000)), 5001), 271],
    ["plain data that is shorter than it says", frame(0x02, bytes(10), 11), 271],
  ])("with %s are refused in ClickHouse's words", async (_what, frames, code) => {
    await expect(read(frames)).rejects.toMatchObject({ code });
  });
});

describe("an LZ4 block", () => {
  const decode = (block: number[] | Buffer, size: number): Buffer => {
    const target = Buffer.alloc(size);
    decodeLz4Block(Buffer.from(block), target);
    return target;
  };

  it("may repeat what it has just written", () => {
    expect(decode([0x1f, 0x61, 1, 0, 5, 0x50, 1, 2, 3, 4, 5], 30).toString("latin1")).toBe(`${"a".repeat(25)}\x01\x02\x03\x04\x05`);
  });

  it.each<[what: string, block: number[], size: number]>([
    ["nothing", [], 0],
    ["more literals than it has", [0x50, 1, 2], 5],
    ["more literals than the result holds", [0x50, 1, 2, 3, 4, 5], 4],
    ["a literal length without an end", [0xf0, 255, 255], 1000],
    ["a literal length beyond the result", [0xf0, ...Array(100).fill(255)], 100],
    ["half an offset", [0x10, 1, 1], 20],
    ["an offset of zero", [0x10, 1, 0, 0, 0x00], 5],
    ["an offset before the result", [0x10, 1, 2, 0, 0x00], 5],
    ["a match beyond the result", [0x1f, 1, 1, 0, 200, 0x00], 20],
    ["a match length without an end", [0x1f, 1, 1, 0, 255], 2000],
    ["a match at its very end", [0x10, 1, 1, 0], 5],
    ["less than the result", [0x10, 1], 2],
  ])("with %s is refused", (_what, block, size) => {
    expect(() => decode(block, size)).toThrow(MalformedBlock);
  });

  it("that is any bytes is decoded or refused, and never written beyond its result", () => {
    const random = randomFrom(7);
    for (let i = 0; i < 20_000; i++) {
      const block = Buffer.from(Array.from({ length: 1 + Math.floor(random() * 40) }, () => Math.floor(random() * 256)));
      const size = Math.floor(random() * 300);
      const room = Buffer.alloc(size + 64, 0xaa);
      try {
        decodeLz4Block(block, room.subarray(0, size));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedBlock);
      }
      expect(room.subarray(size).every((byte) => byte === 0xaa)).toBe(true);
    }
  });

  it("of literals is as long as it must be", () => {
    expect(literalLz4Block(bytes(14))[0]).toBe(0xe0);
    expect([...literalLz4Block(bytes(15)).subarray(0, 2)]).toEqual([0xf0, 0]);
    expect([...literalLz4Block(bytes(270)).subarray(0, 3)]).toEqual([0xf0, 255, 0]);
  });
});

describe("the Go client's hello", () => {
  it.each<[sql: string, is: boolean]>([
    ["SELECT displayName(), version(), revision(), timezone()", true],
    ["select displayName( ), version(), revision(), timezone() /* x */", true],
    ["SELECT version()", false],
    ["SELECT displayName(), version(), revision(), timezone() FROM t", false],
  ])("%s: %s", (sql, is) => {
    expect(isHello(sql)).toBe(is);
  });

  it("is answered as a block of its protocol version, whose revision says that later ones are plain", () => {
    const about = { name: "s", version: "26", timezone: "UTC" };
    const block = helloBlock(about, 54483);
    expect(block.subarray(0, 10).toString("hex")).toBe("010002ffffffff000401");
    expect(block.toString("latin1")).toContain("revision()\x06UInt32\0\0\0\0\0");
    expect(helloBlock(about, 0).subarray(0, 2)).toEqual(Buffer.of(4, 1));
  });
});

function flip(buffer: Buffer, at: number): Buffer {
  const copy = Buffer.from(buffer);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

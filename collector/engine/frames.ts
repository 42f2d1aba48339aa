import { Transform } from "node:stream";
import zlib from "node:zlib";
import { cityHash128 } from "./city-hash.ts";
import { EngineException, toException } from "./exceptions.ts";
import { decodeLz4Block, literalLz4Block, MalformedBlock } from "./lz4-block.ts";

/**
 * ClickHouse's own compression, asked for by `decompress=1` and `compress=1`. A frame is a checksum of all that follows
 * it (16 bytes), the method (1), the size of the frame without its checksum (4), the size of the result (4), and the data.
 */
const CHECKSUM_BYTES = 16;
const HEADER_BYTES = 9;
const METHOD = { none: 0x02, lz4: 0x82, zstd: 0x90 } as const;

/** For a frame and for its result. ClickHouse's Go client sends a whole insert as one frame, and has the same limit. */
const MAX_FRAME_BYTES = 128 * 1024 * 1024;
/** LZ4 cannot do better, and zstd does not on rows; what promises more is not decoded, so that small bodies stay small. */
const MAX_RATIO = 1024;
const WRITE_BYTES = 1024 * 1024;

/** What the frames in `source` hold. Throws ClickHouse's errors for frames that are cut short, broken or too large. */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let size = 0;
  /** Of the next frame; as long as its header is not there, that of the header. */
  let wanted = CHECKSUM_BYTES + HEADER_BYTES;
  for await (const chunk of source) {
    chunks.push(chunk);
    size += chunk.length;
    while (size >= wanted) {
      const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
      const total = frameBytes(bytes);
      if (size < total) {
        chunks = [bytes];
        wanted = total;
        break;
      }
      yield decodeFrame(bytes.subarray(0, total));
      const rest = bytes.subarray(total);
      chunks = rest.length === 0 ? [] : [rest];
      size = rest.length;
      wanted = CHECKSUM_BYTES + HEADER_BYTES;
    }
  }
  if (size > 0) {
    throw EngineException.of("CANNOT_READ_ALL_DATA", `Cannot read all data. The last compressed frame ends after ${size} of ${wanted} bytes.`);
  }
}

/** The length of the frame that `bytes` begin with, of which the header must be there. */
function frameBytes(bytes: Buffer): number {
  const body = bytes.readUInt32LE(CHECKSUM_BYTES + 1);
  const result = bytes.readUInt32LE(CHECKSUM_BYTES + 5);
  if (body > MAX_FRAME_BYTES || result > MAX_FRAME_BYTES) {
    throw EngineException.of("TOO_LARGE_SIZE_COMPRESSED", `A compressed frame of ${body} bytes with ${result} in it is larger than ${MAX_FRAME_BYTES}: most likely corrupted data.`);
  }
  if (body < HEADER_BYTES) throw EngineException.of("CORRUPTED_DATA", "A compressed frame is smaller than its header.");
  return CHECKSUM_BYTES + body;
}

function decodeFrame(frame: Buffer): Buffer {
  const body = frame.subarray(CHECKSUM_BYTES);
  if (!cityHash128(body).equals(frame.subarray(0, CHECKSUM_BYTES))) {
    throw EngineException.of("CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data in a compressed frame.");
  }
  const size = body.readUInt32LE(5);
  const data = body.subarray(HEADER_BYTES);
  if (size > data.length * MAX_RATIO) throw EngineException.of("CANNOT_DECOMPRESS", `${data.length} compressed bytes cannot hold ${size}.`);
  try {
    return decodeData(body[0] as number, data, size);
  } catch (error) {
    if (error instanceof EngineException) throw error;
    throw EngineException.of("CANNOT_DECOMPRESS", `Cannot decompress a frame: ${toException(error).message}`);
  }
}

function decodeData(method: number, data: Buffer, size: number): Buffer {
  switch (method) {
    case METHOD.none:
      if (data.length !== size) throw new MalformedBlock("the result is not as long as it should be");
      return data;
    case METHOD.lz4: {
      const result = Buffer.allocUnsafe(size);
      decodeLz4Block(data, result);
      return result;
    }
    case METHOD.zstd: {
      // Node has it from 22.15 on.
      if (typeof zlib.zstdDecompressSync !== "function") break;
      const result = zlib.zstdDecompressSync(data, { maxOutputLength: Math.max(size, 1) });
      if (result.length !== size) throw new MalformedBlock("the result is not as long as it should be");
      return result;
    }
  }
  throw EngineException.of("UNKNOWN_COMPRESSION_METHOD", `Unknown compression method 0x${method.toString(16)}: send lz4 or zstd.`);
}

/** One frame around `bytes`. */
export function writeFrame(bytes: Buffer): Buffer {
  const data = literalLz4Block(bytes);
  const frame = Buffer.allocUnsafe(CHECKSUM_BYTES + HEADER_BYTES + data.length);
  frame[CHECKSUM_BYTES] = METHOD.lz4;
  frame.writeUInt32LE(HEADER_BYTES + data.length, CHECKSUM_BYTES + 1);
  frame.writeUInt32LE(bytes.length, CHECKSUM_BYTES + 5);
  data.copy(frame, CHECKSUM_BYTES + HEADER_BYTES);
  cityHash128(frame.subarray(CHECKSUM_BYTES)).copy(frame);
  return frame;
}

/** Puts what goes through it into frames. */
export function frameWriter(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += WRITE_BYTES) this.push(writeFrame(chunk.subarray(at, at + WRITE_BYTES)));
      done();
    },
  });
}

import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { IncomingMessage } from "node:http";
import { EngineException } from "./exceptions.ts";

/**
 * Rows of an INSERT go to a file and are loaded with FROM INFILE. They are never joined to the statement: chDB ends
 * inline data at a blank line and runs what follows as SQL, which cuts binary formats short and is an injection.
 */
export interface Stage {
  /** Writes `source` to a new file. Rejects with QUERY_IS_TOO_LARGE above `maxBytes`, and leaves no file then. */
  write(source: AsyncIterable<Buffer>, maxBytes: number, signal: AbortSignal): Promise<StagedFile>;
}

export interface StagedFile {
  path: string;
  bytes: number;
  remove(): Promise<void>;
}

/** `dir` belongs to the stage alone and is emptied first: what is in it was left by a process that was killed. */
export async function createStage(dir: string): Promise<Stage> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  let count = 0;
  return {
    async write(source, maxBytes, signal) {
      // No extension: the engine would guess a compression from it.
      const path = join(dir, `insert-${++count}`);
      const counter = limited(maxBytes);
      const remove = (): Promise<void> => rm(path, { force: true });
      try {
        await pipeline(Readable.from(source), counter.stream, createWriteStream(path, { mode: 0o600 }), { signal });
      } catch (error) {
        await remove();
        throw asStageError(error);
      }
      return { path, bytes: counter.bytes(), remove };
    },
  };
}

function limited(maxBytes: number): { stream: Transform; bytes(): number } {
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(EngineException.of("QUERY_IS_TOO_LARGE", `Insert is larger than ${maxBytes} bytes.`));
      else done(null, chunk);
    },
  });
  return { stream, bytes: () => bytes };
}

function asStageError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC") return EngineException.of("NOT_ENOUGH_SPACE", "No space left on the store's disk.");
  if (code === "ABORT_ERR") return EngineException.of("QUERY_WAS_CANCELLED", "Query was cancelled.");
  return error;
}

/** A request's body, decompressed. Throws BAD_ARGUMENTS for an encoding that is not supported. */
export function decodedBody(request: IncomingMessage): Readable {
  const encoding = (request.headers["content-encoding"] ?? "identity").toLowerCase();
  const decoders: Record<string, () => Transform> = {
    gzip: createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  };
  if (encoding === "identity" || encoding === "") return request;
  const decoder = decoders[encoding]?.();
  if (!decoder) {
    throw EngineException.of("NOT_IMPLEMENTED", `Content-Encoding ${encoding} is not supported: send gzip, deflate, br or none.`);
  }
  request.on("error", (error) => decoder.destroy(error));
  // `close` without `end` is a client that went away in the middle of its body.
  request.on("close", () => {
    if (!request.complete) decoder.destroy(new Error("the client closed the connection"));
  });
  return request.pipe(decoder);
}

/**
 * Reads up to `limit` bytes and hands back the rest unread. `whole` says that there is no rest.
 */
export async function readHead(
  body: Readable,
  limit: number,
): Promise<{ head: Buffer; whole: boolean; rest: AsyncIterable<Buffer> }> {
  const chunks: Buffer[] = [];
  let size = 0;
  const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  while (size < limit) {
    const next = await iterator.next();
    if (next.done) return { head: Buffer.concat(chunks), whole: true, rest: none() };
    chunks.push(next.value);
    size += next.value.length;
  }
  return { head: Buffer.concat(chunks), whole: false, rest: { [Symbol.asyncIterator]: () => iterator } };
}

async function* none(): AsyncIterable<Buffer> {}

export async function* joined(first: Buffer, rest: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  if (first.length > 0) yield first;
  yield* rest;
}

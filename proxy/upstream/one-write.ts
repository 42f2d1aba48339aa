import type { Socket } from "node:net";
import { buildConnector } from "undici";

/** Larger messages are not worth copying together. */
const TOGETHER_BYTES = 16 * 1024;

type Written = { chunk: string | Buffer; encoding: BufferEncoding };
type Writable = { _write(chunk: Buffer, encoding: string, done: (error?: Error | null) => void): void; _writev?: (chunks: Written[], done: (error?: Error | null) => void) => void };

/**
 * undici's connector, with a request's head and its small body leaving in one write: the kernel takes one piece of memory
 * for a good deal less than it takes the same in two.
 */
export function oneWriteConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options);
  return (target, done) =>
    connect(target, (...result) => {
      const [error, socket] = result;
      if (error === null) writeTogether(socket);
      done(...result);
    });
}

function writeTogether(socket: Socket): void {
  const sink = socket as unknown as Writable;
  const gathered = sink._writev;
  if (!gathered) return;
  sink._writev = (chunks, done) => {
    let bytes = 0;
    for (const { chunk } of chunks) bytes += chunk.length;
    if (bytes > TOGETHER_BYTES) return gathered.call(socket, chunks, done);
    const parts = chunks.map(({ chunk, encoding }) => (typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk));
    sink._write(Buffer.concat(parts), "buffer", done);
  };
}

import type { IncomingMessage } from "node:http";

export type Body =
  | { readonly kind: "whole"; readonly bytes: Buffer }
  | { readonly kind: "too_large"; readonly received: number }
  | { readonly kind: "cut_off"; readonly received: number };

/** Reads a request's body up to `limit` bytes. Never rejects: a client that goes away is an answer too. */
export function readBody(request: IncomingMessage, limit: number): Promise<Body> {
  return new Promise((resolve) => {
    if (Number(request.headers["content-length"] ?? 0) > limit) {
      resolve({ kind: "too_large", received: 0 });
      return;
    }
    const chunks: Buffer[] = [];
    let received = 0;
    const done = (body: Body) => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      resolve(body);
    };
    const onData = (chunk: Buffer) => {
      received += chunk.length;
      if (received > limit) done({ kind: "too_large", received });
      else chunks.push(chunk);
    };
    const onEnd = () => done({ kind: "whole", bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received) });
    const onClose = () => done({ kind: "cut_off", received });
    request.on("data", onData).on("end", onEnd).on("close", onClose);
    // A broken connection also raises "error", which ends in "close".
    request.on("error", () => {});
  });
}

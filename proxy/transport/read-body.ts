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
    let isDone = false;
    // The listeners stay where they are: taking them off costs more than ignoring what comes late.
    const done = (body: Body) => {
      isDone = true;
      resolve(body);
    };
    request.on("data", (chunk: Buffer) => {
      if (isDone) return;
      received += chunk.length;
      if (received > limit) done({ kind: "too_large", received });
      else chunks.push(chunk);
    });
    request.on("end", () => {
      if (!isDone) done({ kind: "whole", bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received) });
    });
    request.on("close", () => {
      if (!isDone) done({ kind: "cut_off", received });
    });
    // A broken connection also raises "error", which ends in "close".
    request.on("error", () => {});
  });
}

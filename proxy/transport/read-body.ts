import type { IncomingMessage } from "node:http";

export type Body =
  | { readonly kind: "whole"; readonly bytes: Buffer }
  | { readonly kind: "too_large"; readonly received: number }
  | { readonly kind: "cut_off"; readonly received: number };

/**
 * Reads a request's body up to `limit` bytes. Never rejects: a client that goes away is an answer too. A body whose length
 * was said is whole when so much of it is here: that its stream then ends is told some turns later.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Body> {
  return new Promise((resolve) => {
    const length = Number(request.headers["content-length"] ?? NaN);
    if (length > limit) {
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
    const whole = () => done({ kind: "whole", bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received) });
    request.on("data", (chunk: Buffer) => {
      if (isDone) return;
      received += chunk.length;
      if (received > limit) return done({ kind: "too_large", received });
      chunks.push(chunk);
      if (received === length) whole();
    });
    request.on("end", () => {
      if (!isDone) whole();
    });
    request.on("close", () => {
      if (!isDone) done({ kind: "cut_off", received });
    });
    // A broken connection also raises "error", which ends in "close".
    request.on("error", () => {});
  });
}

import type { Server } from "node:http";
import type { Socket } from "node:net";
import { duplexPair } from "node:stream";
import { Pool } from "undici";
import { endpointOf, type Endpoint } from "../../transport/bridge/endpoint.ts";

/**
 * The worker's own endpoint without a network in between: requests reach `server`, which need not listen, over pipes in
 * memory. They come from `address`, as a record is to say.
 */
export function createLocalEndpoint({ server, path, address }: { server: Server; path: string; address: string }): Endpoint {
  const pool = new Pool("http://worker", {
    connections: null,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(_options, done) {
      const [ours, theirs] = duplexPair();
      Object.defineProperty(theirs, "remoteAddress", { value: address });
      server.emit("connection", theirs);
      // A connector that answers before it returns is not heard.
      setImmediate(() => done(null, ours as unknown as Socket));
    },
  });
  return endpointOf(pool, path);
}

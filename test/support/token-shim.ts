import { createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";

export interface TokenShim {
  url: string;
  stop(): Promise<void>;
}

/**
 * Forwards every request to `target` with `headers` added, for clients that cannot be given a token. Everything else
 * stays as the client sent it, `Host` and `Origin` too: the checks against DNS rebinding are the target's to make.
 */
export async function startTokenShim(target: string, headers: Record<string, string>): Promise<TokenShim> {
  const { hostname, port, pathname } = new URL(target);
  const server = createServer((inbound, response) => {
    const outbound = request(
      { hostname, port, path: inbound.url, method: inbound.method, headers: { ...inbound.headers, ...headers } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        // A stream may stay silent for long, and its client waits for the headers.
        response.flushHeaders();
        pipeline(answer, response, () => {});
      },
    );
    outbound.on("error", () => refuse(response));
    response.on("close", () => outbound.destroy());
    inbound.pipe(outbound);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}${pathname}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refuse(response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(502).end();
}

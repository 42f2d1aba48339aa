import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { v1Server } from "../fixtures/v1-server.ts";

export interface V1HttpServer {
  readonly url: string;
  /** Sessions that are open, and that ever were begun. */
  readonly sessions: number;
  readonly begun: number;
  /** The only Authorization header that it accepts; undefined: any. */
  token: string | undefined;
  /** Forgets them all, as a server that starts again does. */
  loseSessions(): Promise<void>;
  stop(): Promise<void>;
}

/** A server of the older protocol alone over Streamable HTTP: the v1 SDK's, with sessions. */
export async function startV1Http({ token }: { token?: string } = {}): Promise<V1HttpServer> {
  const open = new Map<string, StreamableHTTPServerTransport>();
  let begun = 0;
  const http = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (served.token !== undefined && request.headers.authorization !== served.token) return void response.writeHead(401).end();
    const id = request.headers["mcp-session-id"] as string | undefined;
    if (id !== undefined) {
      const found = open.get(id);
      return found ? found.handleRequest(request, response) : void response.writeHead(404).end();
    }
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (begunId) => {
        begun++;
        open.set(begunId, transport);
      },
      onsessionclosed: (endedId) => void open.delete(endedId),
    });
    await v1Server().connect(transport as never);
    await transport.handleRequest(request, response);
  }

  const served: V1HttpServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    get sessions() {
      return open.size;
    },
    get begun() {
      return begun;
    },
    token,
    async loseSessions() {
      const lost = [...open.values()];
      open.clear();
      await Promise.all(lost.map((transport) => transport.close()));
    },
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return served;
}

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { v1Server } from "../fixtures/v1-server.ts";

export interface SseServer {
  /** The stream's. */
  readonly url: string;
  /** Headers of every request. */
  readonly requests: IncomingMessage["headers"][];
  /** Ids of requests that were cancelled. */
  readonly cancelled: unknown[];
  /** Ends every stream, as a server that starts again does. */
  dropAll(): void;
  readonly streams: number;
  stop(): Promise<void>;
}

/** A server of 2024-11-05: the v1 SDK's, over HTTP+SSE. */
export async function startSseServer(options: { endpoint?: string } = {}): Promise<SseServer> {
  const open = new Map<string, SSEServerTransport>();
  const requests: IncomingMessage["headers"][] = [];
  const cancelled: unknown[] = [];
  const http = createServer((request, response) => {
    requests.push(request.headers);
    const url = new URL(request.url ?? "", "http://x");
    if (request.method === "GET" && options.endpoint !== undefined) {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(`event: endpoint\ndata: ${options.endpoint}\n\n`);
    } else if (request.method === "GET" && url.pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response);
      open.set(transport.sessionId, transport);
      response.on("close", () => open.delete(transport.sessionId));
      void v1Server(cancelled).connect(transport);
    } else if (request.method === "POST" && url.pathname === "/messages") {
      const transport = open.get(url.searchParams.get("sessionId") ?? "");
      if (transport) void transport.handlePostMessage(request, response);
      else response.writeHead(404).end();
    } else response.writeHead(405).end();
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/sse`,
    requests,
    cancelled,
    dropAll: () => void http.closeAllConnections(),
    get streams() {
      return open.size;
    },
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { z } from "zod";

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
      void toolServer(cancelled).connect(transport);
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

function toolServer(cancelled: unknown[]): McpServer {
  const server = new McpServer({ name: "of-2024", version: "1" });
  server.registerTool("echo", { inputSchema: { message: z.string() } }, ({ message }) => ({ content: [{ type: "text", text: message }] }));
  server.registerTool("count", {}, async (extra) => {
    const progressToken = extra._meta?.progressToken;
    for (const progress of [1, 2, 3]) if (progressToken !== undefined) await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress, total: 3 } });
    return { content: [{ type: "text", text: "counted" }] };
  });
  server.registerTool("ask", {}, async () => {
    const answer = await server.server.createMessage({ messages: [{ role: "user", content: { type: "text", text: "?" } }], maxTokens: 10 });
    return { content: [{ type: "text", text: JSON.stringify(answer.content) }] };
  });
  server.registerTool("hang", {}, (extra) => new Promise((resolve) => extra.signal.addEventListener("abort", () => {
    cancelled.push(extra.requestId);
    resolve({ content: [] });
  })));
  return server;
}

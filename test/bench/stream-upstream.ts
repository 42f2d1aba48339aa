/**
 * The server behind the bench of open streams: a GET and a subscriptions/listen stay open, say something at once and then a
 * comment every so often; anything else is answered with a canned result. `node test/bench/stream-upstream.ts`
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serveParent } from "../support/child-server.ts";

/** As the specification recommends for streams that are silent for long. */
const KEEP_ALIVE_MS = 15_000;
const first = 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"open"}}\n\n';

const open = new Set<ServerResponse>();
const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (body += chunk));
  request.on("end", () => {
    if (request.method === "GET" || request.headers["mcp-method"] === "subscriptions/listen") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(first);
      open.add(response);
      response.on("close", () => open.delete(response));
      return;
    }
    const id = /"id":(\d+|"[^"]*")/.exec(body)?.[1] ?? "null";
    response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"done"}],"resultType":"complete"}}`);
  });
});
setInterval(() => {
  for (const response of open) response.write(": still here\n\n");
}, KEEP_ALIVE_MS).unref();
server.keepAliveTimeout = 120_000;
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 2048, resolve));
serveParent(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, async () => server.closeAllConnections());

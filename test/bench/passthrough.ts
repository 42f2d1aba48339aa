/**
 * A bare pass-through: node:http in, undici out, nothing judged, nothing parsed. It is the unit that the proxy's cost is
 * measured in, and shows that the harness itself changes nothing.
 * `node test/bench/passthrough.ts --target http://127.0.0.1:3000/mcp --port 0`
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { Pool, type Dispatcher } from "undici";
import { serveParent } from "../support/child-server.ts";

const { values } = parseArgs({ options: { target: { type: "string" }, port: { type: "string", default: "0" } } });
if (values.target === undefined) throw new Error("--target is missing: the URL to pass requests on to");
const target = new URL(values.target);
// No limits in time: a stream of events may be silent for as long as it likes.
const pool = new Pool(target.origin, { bodyTimeout: 0, headersTimeout: 0 });

/** These belong to one connection, not to the message (RFC 9110, section 7.6.1). */
const connectionHeaders = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => forward(request, chunks, response));
});
await new Promise<void>((resolve) => server.listen(Number(values.port), "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
serveParent(`http://127.0.0.1:${port}${target.pathname}`, async () => {
  server.closeAllConnections();
  await pool.destroy();
});

function forward(request: IncomingMessage, chunks: Buffer[], response: ServerResponse): void {
  const body = chunks.length === 0 ? null : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const method = request.method as Dispatcher.HttpMethod;
  const headers = endToEnd(request.headers);
  // What came in chunks goes out with a length that undici works out for itself.
  if (request.headers["transfer-encoding"] !== undefined) delete headers["content-length"];
  pool.dispatch({ path: request.url ?? "/", method, headers, body }, relayTo(response));
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept: IncomingHttpHeaders = {};
  for (const name in headers) if (!connectionHeaders.has(name)) kept[name] = headers[name];
  return kept;
}

function relayTo(response: ServerResponse): Dispatcher.DispatchHandler {
  let upstream: Dispatcher.DispatchController | undefined;
  // Closing the response stream is how a modern client cancels, so it must reach the upstream.
  response.on("close", () => {
    if (!response.writableFinished) upstream?.abort(new Error("the client has gone"));
  });
  response.on("drain", () => upstream?.resume());
  return {
    onRequestStart(controller) {
      upstream = controller;
    },
    onResponseStart(_controller, status, headers) {
      response.writeHead(status, endToEnd(headers));
      // A stream may stay silent for long, and its client waits for the headers.
      if (String(headers["content-type"]).startsWith("text/event-stream")) response.flushHeaders();
    },
    onResponseData(controller, chunk) {
      if (!response.write(chunk)) controller.pause();
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    },
  };
}

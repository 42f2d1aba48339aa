import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface UpstreamRequest {
  readonly method: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface StubUpstream {
  readonly url: string;
  readonly requests: UpstreamRequest[];
  /** Resolves when the client of a request has closed its connection. */
  readonly abandoned: Promise<void>;
  /** How the next requests are answered. */
  answer: (request: UpstreamRequest, response: ServerResponse, path?: string) => void;
  stop(): Promise<void>;
}

/** An upstream that does whatever a test says, well or badly. */
export async function startStubUpstream(): Promise<StubUpstream> {
  const abandoned = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    response.on("close", () => {
      if (!response.writableFinished) abandoned.resolve();
    });
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const seen = { method: request.method ?? "", headers: request.headers, body: Buffer.concat(chunks).toString("utf8") };
      stub.requests.push(seen);
      stub.answer(seen, response, request.url);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stub: StubUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    requests: [],
    abandoned: abandoned.promise,
    answer: (request, response) => answerJson(response, { jsonrpc: "2.0", id: idOf(request), result: { content: [{ type: "text", text: "done" }] } }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}

export function idOf(request: UpstreamRequest): unknown {
  return (JSON.parse(request.body) as { id?: unknown }).id;
}

export function answerJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

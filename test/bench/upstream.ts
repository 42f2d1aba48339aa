/**
 * The server behind every target of the bench: tools/call answers a canned result with as little work as can be, so that
 * what is measured is what stands in front of it. It speaks the modern protocol, one JSON object per request.
 * `node test/bench/upstream.ts --port 0`
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { serveParent } from "../support/child-server.ts";
import { benchTools, resultMembers } from "./workload.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });

const notFound = '"error":{"code":-32601,"message":"Method not found"}';
const answers: Record<string, string> = {
  "server/discover":
    '"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"public"}',
  "tools/list": `"result":${JSON.stringify({ resultType: "complete", tools: benchTools(), ttlMs: 60_000, cacheScope: "public" })}`,
};

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (body += chunk));
  request.on("end", () => {
    const method = request.headers["mcp-method"] ?? "";
    if (method === "tools/call") return answer(response, 200, body, resultMembers(request.headers["mcp-name"]));
    const members = answers[String(method)];
    answer(response, members === undefined ? 404 : 200, body, members ?? notFound);
  });
});
await new Promise<void>((resolve) => server.listen(Number(values.port), "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
serveParent(`http://127.0.0.1:${port}/mcp`, async () => server.closeAllConnections());

/** The id is all that is read of the body, and it is not worth parsing for. */
function answer(response: ServerResponse, status: number, body: string, members: string): void {
  const id = /"id":(\d+|"[^"]*")/.exec(body)?.[1] ?? "null";
  const text = `{"jsonrpc":"2.0","id":${id},${members}}`;
  response.writeHead(status, { "content-type": "application/json", "content-length": text.length });
  response.end(text, "latin1");
}

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { seededRandom, type Random } from "../support/random.ts";

export interface Reached {
  readonly method: string;
  readonly url: string;
  /** Name, value, name, value: as they came. */
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A server that keeps everything that reaches it, and answers well or badly: a tenth of its answers are no good either. */
export async function startRecordingUpstream(seed: number): Promise<{ url: string; reached: Reached[]; stop(): Promise<void> }> {
  const reached: Reached[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => {});
    request.on("end", () => {
      const { method = "", url = "", rawHeaders, headers } = request;
      const body = Buffer.concat(chunks);
      reached.push({ method, url, rawHeaders, headers, body });
      const number = headers["mcp-fuzz"];
      const index = Number(number);
      // Without a number it is the run's own question or the proxy's, or a message that lost it, and is answered well.
      answer(seededRandom(seed * 7919 + (Number.isSafeInteger(index) ? index : 0)), number === undefined, method, body, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reached,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const tool = (name: string) => ({ name, description: `does ${name}`, inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } } });

const results: Readonly<Record<string, unknown>> = {
  initialize: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "fuzz", version: "1" } },
  "tools/list": { tools: ["echo", "notes.add", "drop", "pay"].map(tool), nextCursor: "next", resultType: "complete", ttlMs: 1000, cacheScope: "public" },
  "resources/list": { resources: [{ uri: "file:///open/a.txt", name: "a" }, { uri: "file:///closed/a.txt", name: "b" }] },
  "resources/templates/list": { resourceTemplates: [{ uriTemplate: "file:///open/{name}", name: "t" }] },
  "prompts/list": { prompts: [{ name: "greeting" }, { name: "secret" }] },
};

function answer(random: Random, well: boolean, method: string, body: Buffer, response: ServerResponse): void {
  let message: { id?: unknown; method?: string } = {};
  try {
    message = (JSON.parse(body.toString("utf8")) ?? {}) as typeof message;
  } catch {
    // What reached us is judged later; a stream and the end of a session have no body.
  }
  if (method === "DELETE") return void response.writeHead(200).end();
  if (message.id === undefined || message.method === undefined) {
    if (method === "POST") return void response.writeHead(202).end();
    return void response.writeHead(200, { "content-type": "text/event-stream" }).end('data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n');
  }
  const result = Object.hasOwn(results, message.method) ? results[message.method] : { content: [{ type: "text", text: "done" }], resultType: "complete" };
  const text = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
  const session = message.method === "initialize" ? { "mcp-session-id": "fuzz-session" } : {};
  // A server that answers these badly is taken for one of another era, and spoken to through the bridge in messages of its own.
  const answeredWell = well || message.method === "initialize" || message.method === "server/discover";
  if (random.next() < 0.1 && !answeredWell) return broken(random, text, response);
  if (random.next() < 0.5) return void response.writeHead(200, { "content-type": "application/json", ...session }).end(text);
  response.writeHead(200, { "content-type": "text/event-stream", ...session });
  response.end(`: hello\n\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}\n\nevent: message\ndata: ${text}\n\n`);
}

/** Answers that no server should give. */
function broken(random: Random, text: string, response: ServerResponse): void {
  const json = { "content-type": "application/json" };
  const events = { "content-type": "text/event-stream" };
  const whole = Buffer.from(text);
  random.pick<() => void>([
    () => response.writeHead(200, json).end(text.slice(0, random.int(0, text.length))),
    () => response.writeHead(200, json).end(`[${text}]`),
    () => response.writeHead(200, json).end(text.replace('"result"', '"error":{},"result"')),
    () => response.writeHead(200, json).end(text.replace('"result":{', `"result":{"a":${"[".repeat(5000)}${"]".repeat(5000)},`)),
    () => response.writeHead(200, json).end(Buffer.concat([whole.subarray(0, 20), Buffer.of(0xff, 0), whole.subarray(20)])),
    () => response.writeHead(200, { ...json, "content-length": "5" }).end(text.slice(0, 5)),
    () => response.writeHead(200, { "content-encoding": "gzip" }).end(text),
    () => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
    () => response.writeHead(401, { "www-authenticate": "Bearer" }).end(),
    () => response.writeHead(500, json).end("oops"),
    () => response.writeHead(200).end(),
    () => response.writeHead(204).end(),
    () => response.writeHead(200, events).end(`data: ${text}`),
    () => response.writeHead(200, events).end(`data:${text}\r\rdata:${text}\r\r`),
    () => response.writeHead(200, events).end(text.replaceAll(",", ",\n\n")),
    () => response.writeHead(200, events).end("data: x\n\n".repeat(200)),
    () => void response.socket?.write("HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n", () => response.destroy()),
    () => response.destroy(),
  ])();
}

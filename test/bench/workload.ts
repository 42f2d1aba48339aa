import type { Tool } from "@modelcontextprotocol/server";

/** What is called: a tool per size of result. */
export const sizes = ["small", "large"] as const;
export type Size = (typeof sizes)[number];

export const resultBytes: Record<Size, number> = { small: 200, large: 100_000 };

const results = new Map<string, string>(sizes.map((size) => [size, cannedResult(resultBytes[size])]));

/** The members of a response to `tools/call`, after its id. Only ASCII, so its length in bytes is its length. */
export function resultMembers(tool: string | string[] | undefined): string {
  return results.get(String(tool)) ?? '"error":{"code":-32602,"message":"Unknown tool"}';
}

export function benchTools(): Tool[] {
  const inputSchema: Tool["inputSchema"] = {
    type: "object",
    properties: { query: { type: "string" }, limit: { type: "integer" }, fields: { type: "array", items: { type: "string" } } },
  };
  return sizes.map((name) => ({ name, description: `Answers ${resultBytes[name]} bytes.`, inputSchema }));
}

export interface CallRequest {
  headers: Record<string, string>;
  /** The body of one call; ids count up from a number wide enough that every body has the same length. */
  body(index: number): string;
}

/** A call as a client of 2026-07-28 sends it, with its trace context and client information: about 600 bytes. */
export function callRequest(size: Size, headers: Record<string, string>): CallRequest {
  const params = {
    name: size,
    arguments: { query: "invoices of the last quarter that are still open", limit: 20, fields: ["number", "amount", "due"] },
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "signalbox-bench", version: "1.0.0" },
      "io.modelcontextprotocol/clientCapabilities": {},
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
  };
  const tail = `,"method":"tools/call","params":${JSON.stringify(params)}}`;
  return {
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": size,
      ...headers,
    },
    body: (index) => `{"jsonrpc":"2.0","id":${1_000_000 + index}${tail}`,
  };
}

/** Words, not padding: a scanner of results meets text such as tools return. */
function cannedResult(bytes: number): string {
  const words = "the invoice for order was sent on Monday and paid by transfer in two parts with a note to accounts ".split(" ");
  const head = '"result":{"resultType":"complete","content":[{"type":"text","text":"';
  const tail = '"}],"isError":false}';
  const room = bytes - head.length - tail.length - '{"jsonrpc":"2.0","id":1000000,}'.length;
  let text = "";
  for (let i = 0; text.length < room; i++) text += `${words[i % words.length]} ${i % 7 === 0 ? i : ""} `;
  return `${head}${text.slice(0, room)}${tail}`;
}

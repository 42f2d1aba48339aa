/** Every pair of a client's and a server's transport and era, through the proxy's own roles. */
import { fileURLToPath } from "node:url";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { serveFixtureHttp } from "../fixtures/mcp-server/http.ts";
import { fixtureStdio, newFixtureStdio } from "../support/mcp-fixture.ts";
import { startOtlpSink } from "../support/otlp-sink.ts";
import { startSseServer } from "../support/sse-server.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { legacyStdio, modernStdio } from "../support/stdio-client.ts";
import { formatTable } from "../support/table.ts";

type Era = "old" | "new";
type AnyClient = Client | ModernClient;

interface ClientKind {
  readonly name: string;
  readonly era: Era;
  connect(stack: Stack, server: string): Promise<AnyClient>;
}

interface ServerKind {
  readonly name: string;
  readonly endpoint: Readonly<Record<string, unknown>>;
  readonly tools: Tools;
}

interface Tools {
  readonly plain: readonly [string, Record<string, unknown>];
  readonly progress: string;
  readonly asks: readonly [string, Record<string, unknown>];
  readonly denied: string;
}

const ofFixture: Tools = { plain: ["test_simple_text", {}], progress: "test_tool_with_progress", asks: ["test_sampling", { prompt: "?" }], denied: "test_image_content" };
const ofV1: Tools = { plain: ["echo", { message: "text" }], progress: "count", asks: ["ask", {}], denied: "hang" };

const NEWEST = "2026-07-28";
const limitMs = 20_000;
const words = "the model's words";
const answer = { model: "m", role: "assistant", content: { type: "text", text: words } } as const;
const options = { capabilities: { sampling: {} } };
const headersOf = (stack: Stack) => ({ authorization: `Bearer ${stack.keys.get("tester")!}` });
const urlOf = (stack: Stack, server: string, rest = "") => new URL(`${stack.proxyUrl}/mcp/${server}${rest}`);
const stdioOf = (stack: Stack, server: string) => ({ args: ["stdio", server, "--url", stack.proxyUrl], env: { SIGNALBOX_KEY: stack.keys.get("tester")! } });

const clients: readonly ClientKind[] = [
  {
    name: "Streamable HTTP, 2025-11-25",
    era: "old",
    async connect(stack, server) {
      const client = new Client({ name: "http-old", version: "1" }, options);
      await client.connect(new StreamableHTTPClientTransport(urlOf(stack, server), { requestInit: { headers: headersOf(stack) } }));
      return client;
    },
  },
  {
    name: `Streamable HTTP, ${NEWEST}`,
    era: "new",
    async connect(stack, server) {
      const client = new ModernClient({ name: "http-new", version: "1" }, { ...options, versionNegotiation: { mode: { pin: NEWEST } } });
      await client.connect(new ModernHttp(urlOf(stack, server), { requestInit: { headers: headersOf(stack) } }));
      return client;
    },
  },
  {
    name: "HTTP+SSE of 2024-11-05",
    era: "old",
    async connect(stack, server) {
      const client = new Client({ name: "sse", version: "1" }, options);
      const withKey: typeof fetch = (input, init) => fetch(input, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headersOf(stack) } });
      await client.connect(new SSEClientTransport(urlOf(stack, server, "/sse"), { fetch: withKey }));
      return client;
    },
  },
  { name: "stdio, 2025-11-25", era: "old", connect: (stack, server) => legacyStdio(stdioOf(stack, server)) },
  { name: `stdio, ${NEWEST}`, era: "new", connect: (stack, server) => modernStdio(stdioOf(stack, server), { pin: NEWEST }) },
];

export interface PairResult {
  readonly client: string;
  readonly server: string;
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** Why nothing can pass; empty where the two share an era. */
  readonly cannot: string;
}

export async function runTransports(): Promise<{ table: string; json: readonly PairResult[]; complete: boolean }> {
  const both = await serveFixtureHttp();
  const old = await serveFixtureHttp(0, "old");
  const newest = await serveFixtureHttp(0, "new");
  const sse = await startSseServer();
  const v1 = { command: process.execPath, args: [fileURLToPath(new URL("../fixtures/v1-stdio.ts", import.meta.url))] };
  const servers: readonly ServerKind[] = [
    { name: "Streamable HTTP, both", endpoint: { transport: "streamable-http", url: both.url }, tools: ofFixture },
    { name: "Streamable HTTP, old", endpoint: { transport: "streamable-http", url: old.url }, tools: ofFixture },
    { name: "Streamable HTTP, new", endpoint: { transport: "streamable-http", url: newest.url }, tools: ofFixture },
    { name: "HTTP+SSE, old", endpoint: { transport: "sse", url: sse.url }, tools: ofV1 },
    { name: "stdio, both", endpoint: { transport: "stdio", ...fixtureStdio }, tools: ofFixture },
    { name: "stdio, new", endpoint: { transport: "stdio", ...newFixtureStdio }, tools: ofFixture },
    { name: "stdio, old", endpoint: { transport: "stdio", ...v1 }, tools: ofV1 },
  ];
  const sink = await startOtlpSink();
  const stack = await startStack({
    roles: ["proxy"],
    servers: servers.map(({ endpoint }, i) => ({ name: `s${i}`, owner: "tests", lifecycle: "approved", riskTier: "low", endpoint })),
    rules: [
      { id: "everything", effect: "allow", match: { methods: ["*"] } },
      { id: "not-these", effect: "deny", match: { tools: [ofFixture.denied, ofV1.denied] } },
    ],
    agents: ["tester"],
    config: { collector: { url: sink.url } },
  });
  try {
    const results: PairResult[] = [];
    for (const client of clients) for (const [i, server] of servers.entries()) results.push(await tryPair(stack, client, server, `s${i}`));
    // A pair that was not to work and does is to be told too: this table is what the documentation says.
    const complete = results.every(({ passed, failed, cannot }) => (cannot === "" ? failed.length === 0 : passed.length === 0));
    return { table: report(results, servers), json: results, complete };
  } finally {
    await stack.stop();
    await Promise.all([both.stop(), old.stop(), newest.stop(), sse.stop(), sink.stop()]);
  }
}

async function tryPair(stack: Stack, kind: ClientKind, server: ServerKind, name: string): Promise<PairResult> {
  const cannot = "";
  const pair = { client: kind.name, server: server.name, cannot };
  const passed: string[] = [];
  const failed: string[] = [];
  let client: AnyClient;
  try {
    client = await within(kind.connect(stack, name), "connect");
  } catch {
    return { ...pair, passed, failed: ["connect"] };
  }
  passed.push("connect");
  if (client instanceof Client) client.setRequestHandler(CreateMessageRequestSchema, () => answer);
  else client.setRequestHandler("sampling/createMessage", () => answer);
  for (const [check, run] of Object.entries(checks)) {
    const good = await within(run(client, server.tools), check).catch(() => false);
    (good ? passed : failed).push(check);
  }
  await client.close();
  return { ...pair, passed, failed };
}

const checks: Readonly<Record<string, (client: AnyClient, tools: Tools) => Promise<boolean>>> = {
  list: async (client, { plain }) => (await client.listTools()).tools.some((tool) => tool.name === plain[0]),
  call: async (client, { plain }) => JSON.stringify(await call(client, ...plain)).includes("text"),
  progress: async (client, { progress }) => {
    const seen: number[] = [];
    await call(client, progress, {}, (p) => seen.push(p));
    // What arrives in one piece with the answer the v1 client drops, over any transport.
    return seen.length >= 2 && seen[0]! < seen[1]!;
  },
  question: async (client, { asks }) => JSON.stringify(await call(client, ...asks)).includes(words),
  denial: async (client, { denied }) => JSON.stringify(await call(client, denied, {})).includes("Denied by policy"),
};

function call(client: AnyClient, name: string, args: Record<string, unknown>, onProgress?: (progress: number) => void): Promise<unknown> {
  const more = onProgress ? { onprogress: (p: { progress: number }) => onProgress(p.progress) } : {};
  return client instanceof Client ? client.callTool({ name, arguments: args }, undefined, more) : client.callTool({ name, arguments: args }, more);
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`${what} took too long`)), limitMs)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function report(results: readonly PairResult[], servers: readonly ServerKind[]): string {
  const all = Object.keys(checks).length + 1;
  const cell = ({ passed, failed, cannot }: PairResult): string => (cannot && passed.length === 0 ? "no bridge" : failed.length === 0 ? `all ${passed.length}` : `${passed.length} of ${all}`);
  const rows = clients.map(({ name }) => [name, ...results.filter((one) => one.client === name).map(cell)]);
  const notes = results.flatMap(({ client, server, failed, cannot }) => (cannot === "" && failed.length > 0 ? [`failed: ${client} to ${server}: ${failed.join(", ")}`] : []));
  const heading = ["client \\ server", ...servers.map(({ name }) => name)];
  return [
    formatTable([heading, ...rows]),
    `Each pair: connect, ${Object.keys(checks).join(", ")}.`,
    "no bridge: the client and the server share no era, and the proxy does not bridge eras; the client is told which revisions the server speaks, as far as it says.",
    ...notes,
  ].join("\n");
}

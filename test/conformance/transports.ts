/** Every pair of a client's and a server's transport and era, through the proxy's own roles. */
import { fileURLToPath } from "node:url";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { serveFixtureHttp } from "../fixtures/mcp-server/http.ts";
import { fixtureStdio, newFixtureStdio } from "../support/mcp-fixture.ts";
import { startOtlpSink } from "../support/otlp-sink.ts";
import { startSseServer } from "../support/sse-server.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { legacyStdio, modernStdio } from "../support/stdio-client.ts";
import { formatTable } from "../support/table.ts";
import { runAcross, type AcrossResult } from "./bridged-suite.ts";
import { answering, checks, type AnyClient, type Tools } from "./pair-checks.ts";

type Era = "old" | "new";

interface ClientKind {
  readonly name: string;
  readonly era: Era;
  connect(stack: Stack, server: string): Promise<AnyClient>;
}

interface ServerKind {
  readonly name: string;
  readonly eras: readonly Era[];
  readonly endpoint: Readonly<Record<string, unknown>>;
  readonly tools: Tools;
}

const ofFixture: Tools = { plain: ["test_simple_text", {}], progress: "test_tool_with_progress", logs: "test_tool_with_logging", asks: ["test_sampling", { prompt: "?" }], changes: "test_trigger_tool_change", denied: "test_image_content" };
const ofV1: Tools = { plain: ["echo", { message: "text" }], progress: "count", logs: "log", asks: ["ask", {}], changes: "change", denied: "hang" };

const NEWEST = "2026-07-28";
const limitMs = 20_000;
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
  /** The two share no era. */
  readonly bridged: boolean;
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

/** What no bridge can do, and why: said with the table, because no check of it could pass. */
const cannot: readonly string[] = [
  "tasks and other extensions: each era has its own, and neither can be told from the other's (-32601)",
  "taking up a stream that broke off (Last-Event-ID), for an old client of a new server: the newest revision has no such thing; an old server's streams are taken up again for a new client",
  "a question that an old server asks while no call is under way: it waits for the next call up to 30 seconds, and is then refused",
  "a server's wish for more rounds than eight about one call, for an old client",
];

export async function runTransports(folder: string): Promise<{ table: string; json: { readonly pairs: readonly PairResult[]; readonly suite: readonly AcrossResult[] }; complete: boolean }> {
  const both = await serveFixtureHttp();
  const old = await serveFixtureHttp(0, "old");
  const newest = await serveFixtureHttp(0, "new");
  const sse = await startSseServer();
  const v1 = { command: process.execPath, args: [fileURLToPath(new URL("../fixtures/v1-stdio.ts", import.meta.url))] };
  const servers: readonly ServerKind[] = [
    { name: "Streamable HTTP, both", eras: ["old", "new"], endpoint: { transport: "streamable-http", url: both.url }, tools: ofFixture },
    { name: "Streamable HTTP, old", eras: ["old"], endpoint: { transport: "streamable-http", url: old.url }, tools: ofFixture },
    { name: "Streamable HTTP, new", eras: ["new"], endpoint: { transport: "streamable-http", url: newest.url }, tools: ofFixture },
    { name: "HTTP+SSE, old", eras: ["old"], endpoint: { transport: "sse", url: sse.url }, tools: ofV1 },
    { name: "stdio, both", eras: ["old", "new"], endpoint: { transport: "stdio", ...fixtureStdio }, tools: ofFixture },
    { name: "stdio, new", eras: ["new"], endpoint: { transport: "stdio", ...newFixtureStdio }, tools: ofFixture },
    { name: "stdio, old", eras: ["old"], endpoint: { transport: "stdio", ...v1 }, tools: ofV1 },
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
    const suite = await runAcross(folder);
    const complete = results.every(({ failed }) => failed.length === 0) && suite.every(({ wrong }) => wrong.length === 0);
    return { table: report(results, servers, suite), json: { pairs: results, suite }, complete };
  } finally {
    await stack.stop();
    await Promise.all([both.stop(), old.stop(), newest.stop(), sse.stop(), sink.stop()]);
  }
}

async function tryPair(stack: Stack, kind: ClientKind, server: ServerKind, name: string): Promise<PairResult> {
  const pair = { client: kind.name, server: server.name, bridged: !server.eras.includes(kind.era) };
  const passed: string[] = [];
  const failed: string[] = [];
  let client: AnyClient;
  try {
    client = await within(kind.connect(stack, name), "connect");
  } catch {
    return { ...pair, passed, failed: ["connect"] };
  }
  passed.push("connect");
  answering(client);
  for (const [check, run] of Object.entries(checks)) {
    const good = await within(run(client, server.tools), check).catch(() => false);
    (good ? passed : failed).push(check);
  }
  await client.close();
  return { ...pair, passed, failed };
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`${what} took too long`)), limitMs)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function report(results: readonly PairResult[], servers: readonly ServerKind[], suite: readonly AcrossResult[]): string {
  const all = Object.keys(checks).length + 1;
  const cell = ({ passed, failed, bridged }: PairResult): string => `${failed.length === 0 ? `all ${passed.length}` : `${passed.length} of ${all}`}${bridged ? ", bridged" : ""}`;
  const rows = clients.map(({ name }) => [name, ...results.filter((one) => one.client === name).map(cell)]);
  const heading = ["client \\ server", ...servers.map(({ name }) => name)];
  return [
    formatTable([heading, ...rows]),
    `Each pair: connect, ${Object.keys(checks).join(", ")}. Bridged: the client and the server share no era.`,
    ...results.filter(({ failed }) => failed.length > 0).map(({ client, server, failed }) => `failed: ${client} to ${server}: ${failed.join(", ")}`),
    "What can't pass where eras are bridged:",
    ...cannot.map((one) => `  ${one}`),
    ...suite.flatMap(({ set, server, required, passed, cannot: known, wrong }) => [
      `The official suite's ${set}, put to a server of the ${server} era alone: ${passed} of ${required} required scenarios`,
      ...known.map(({ scenario, why }) => `  can't: ${scenario}: ${why}`),
      ...wrong.map((scenario) => `  not as expected: ${scenario}`),
    ]),
  ].join("\n");
}

import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { registryApi } from "../../../proxy/registry/api.ts";
import { serverEntrySchema, type RegistrySnapshot } from "../../../proxy/registry/server-entry.ts";

const nowMs = Date.parse("2026-11-22T12:00:00Z");
const http = (url: string) => ({ transport: "streamable-http", url, headers: { "X-Inside": "inside-header" } });
const server = (name: string, over: object = {}) =>
  serverEntrySchema.parse({ name, version: "1.0.0", description: `About ${name}.`, lifecycle: "approved", environments: ["production"], endpoint: http(`https://inside-${name}.example.net/mcp`), owner: "team-a", contact: "a@example.com", riskTier: "low", ...over });

let app: FastifyInstance;
afterEach(() => app.close());

function serve(entries: ReturnType<typeof server>[], modified: Record<string, string> = {}): void {
  const registry: RegistrySnapshot = {
    revision: "r1",
    servers: new Map(entries.map((entry) => [entry.name, entry])),
    modifiedMs: new Map(entries.map((entry) => [entry.name, Date.parse(modified[entry.name] ?? "2026-11-01T00:00:00Z")])),
  };
  app = Fastify();
  void app.register(registryApi, {
    registry: () => registry,
    publicUrl: "https://mcp.example.com/",
    environment: "production",
    nowMs: () => nowMs,
    allows: (host, origin) => host === "mcp.example.com" && origin === undefined,
  });
}

interface Item {
  server: { name: string; version: string; remotes?: { url: string }[] };
  _meta: Record<string, Record<string, unknown>>;
}
async function get(url: string, headers: Record<string, string> = {}): Promise<{ status: number; body: { servers: Item[]; metadata: { count: number; nextCursor?: string }; error?: string } & Item }> {
  const response = await app.inject({ method: "GET", url, headers: { host: "mcp.example.com", ...headers } });
  return { status: response.statusCode, body: response.json() };
}
const names = async (url: string): Promise<string[]> => (await get(url)).body.servers.map((one) => one.server.name.replace("com.example.mcp/", ""));
const official = (item: Item) => item._meta["io.modelcontextprotocol.registry/official"];

describe("the registry API lists", () => {
  const all = [
    server("tickets"),
    server("draft", { lifecycle: "proposed" }),
    server("gone", { lifecycle: "retired" }),
    server("old", { lifecycle: "deprecated", sunset: "2026-12-31", replacedBy: "tickets" }),
    server("over", { lifecycle: "deprecated", sunset: "2026-11-21" }),
    server("lab", { environments: ["development"] }),
    server("old-lab", { lifecycle: "retired", environments: ["development"] }),
  ];

  it("what may be called here, and nothing else", async () => {
    serve(all);
    expect(await names("/v0.1/servers")).toEqual(["old", "tickets"]);
  });

  it("each under the proxy's own URL, and nothing of where it is", async () => {
    serve(all);
    const { body } = await get("/v0.1/servers?search=tickets");
    expect(body.servers[0]!.server).toMatchObject({ name: "com.example.mcp/tickets", version: "1.0.0", remotes: [{ type: "streamable-http", url: "https://mcp.example.com/mcp/tickets" }] });
    expect(JSON.stringify((await get("/v0.1/servers?include_deleted=true")).body)).not.toContain("inside");
  });

  it("a deprecated one as such, with its last day and what replaces it", async () => {
    serve(all);
    const [old, tickets] = (await get("/v0.1/servers")).body.servers;
    expect(official(old!)).toMatchObject({ status: "deprecated", statusMessage: "old is deprecated and will be refused after 2026-12-31. Use tickets instead.", isLatest: true });
    expect(old!._meta["mcp-signalbox/registry"]).toMatchObject({ sunset: "2026-12-31", replacedBy: "tickets", owner: "team-a" });
    expect(official(tickets!)).toMatchObject({ status: "active", updatedAt: "2026-11-01T00:00:00.000Z" });
  });

  it("what is gone as deleted, without a URL, to those who ask for it", async () => {
    serve(all);
    const { body } = await get("/v0.1/servers?include_deleted=true");
    expect(body.servers.map((one) => [one.server.name.split("/")[1], official(one)!.status])).toEqual([["gone", "deleted"], ["old", "deprecated"], ["over", "deleted"], ["tickets", "active"]]);
    expect(body.servers[0]!.server.remotes).toBeUndefined();
    expect((await get("/v0.1/servers/com.example.mcp%2Fgone/versions")).status).toBe(404);
  });

  it("what a name holds, in any case of letters", async () => {
    serve(all);
    expect(await names("/v0.1/servers?search=TICK")).toEqual(["tickets"]);
    expect(await names("/v0.1/servers?search=nothing")).toEqual([]);
  });

  it("what changed since a time, with what is gone since", async () => {
    serve(all, { tickets: "2026-11-20T10:00:00Z", gone: "2026-11-21T00:00:00Z" });
    expect(await names("/v0.1/servers?updated_since=2026-11-20T00:00:00Z")).toEqual(["gone", "tickets"]);
    expect(await names("/v0.1/servers?updated_since=2026-11-20T11:00:00.5%2B01:00")).toEqual(["gone"]);
  });

  it("an imported server under the name that the world knows it by, and twice the same one under two names", async () => {
    const serverJson = { name: "io.github.acme/tickets", title: "Tickets", packages: [{ identifier: "inside" }] };
    serve([server("a", { serverJson }), server("b", { serverJson })]);
    expect((await get("/v0.1/servers")).body.servers.map((one) => one.server.name)).toEqual(["com.example.mcp/b", "io.github.acme/tickets"]);
    expect((await get("/v0.1/servers/com.example.mcp%2Fb/versions/latest")).body.server.remotes).toEqual([{ type: "streamable-http", url: "https://mcp.example.com/mcp/b" }]);
  });
});

describe("pages", () => {
  const many = Array.from({ length: 75 }, (_, i) => server(`s${String(i).padStart(3, "0")}`));

  it("follow each other by cursor until each server was there once", async () => {
    serve(many);
    const seen: string[] = [];
    let cursor: string | undefined = "";
    for (let page = 0; cursor !== undefined; page++) {
      const { body } = await get(`/v0.1/servers?limit=20&cursor=${cursor}`);
      expect(body.metadata.count).toBe(page < 3 ? 20 : 15);
      seen.push(...body.servers.map((one) => one.server.name));
      cursor = body.metadata.nextCursor;
    }
    expect(seen).toEqual(many.map((entry) => `com.example.mcp/${entry.name}`));
  });

  it("hold 30 unless another number is asked for, and never more than 100", async () => {
    serve([...many, ...Array.from({ length: 60 }, (_, i) => server(`t${i}`))]);
    expect((await get("/v0.1/servers")).body.metadata.count).toBe(30);
    expect((await get("/v0.1/servers?limit=5000")).body.metadata.count).toBe(100);
  });
});

describe("one server", () => {
  const rollout = [{ version: "1.1.0", weight: 10, endpoint: http("https://inside-next.example.net/mcp") }, { version: "0.9.0", lifecycle: "retired", endpoint: http("https://inside-last.example.net/mcp") }];

  it("has its own version first, those that run beside it, and none that is retired", async () => {
    serve([server("tickets", { rollout })]);
    const { body } = await get("/v0.1/servers/com.example.mcp%2Ftickets/versions");
    expect(body.servers.map((one) => [one.server.version, official(one)!.isLatest])).toEqual([["1.0.0", true], ["1.1.0", false]]);
    expect(JSON.stringify(body)).not.toContain("inside");
  });

  it("is found by an exact version and by latest", async () => {
    serve([server("tickets", { version: "1.0.0+build", rollout })]);
    const at = async (version: string) => (await get(`/v0.1/servers/com.example.mcp%2Ftickets/versions/${version}`)).body.server?.version;
    expect([await at("latest"), await at("1.0.0%2Bbuild"), await at("1.1.0"), await at("0.9.0")]).toEqual(["1.0.0+build", "1.0.0+build", "1.1.0", undefined]);
  });
});

describe("the registry API refuses", () => {
  const table: [string, string, number][] = [
    ["a limit that is none", "/v0.1/servers?limit=many", 400],
    ["a limit of nothing", "/v0.1/servers?limit=0", 400],
    ["a time that is none", "/v0.1/servers?updated_since=yesterday", 400],
    ["a cursor of somebody else's", "/v0.1/servers?cursor=abc", 400],
    ["a server that is not there", "/v0.1/servers/com.example.mcp%2Fnone/versions", 404],
    ["a version that is not there", "/v0.1/servers/com.example.mcp%2Ftickets/versions/9", 404],
  ];
  it.each(table)("%s", async (_name, url, status) => {
    serve([server("tickets")]);
    const got = await get(url);
    expect(got.status).toBe(status);
    expect(got.body.error).toBeTypeOf("string");
  });

  it("pages of other sites", async () => {
    serve([server("tickets")]);
    expect((await get("/v0.1/servers", { host: "evil.example.net" })).status).toBe(403);
    expect((await get("/v0.1/servers", { origin: "https://evil.example.net" })).status).toBe(403);
  });

  it("nothing because a parameter is there twice", async () => {
    serve([server("tickets")]);
    expect((await get("/v0.1/servers?search=tick&search=x&limit=1&limit=2")).body.metadata.count).toBe(1);
  });
});

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { clientFiles } from "../../../proxy/registry/inventory/client-files.ts";
import { propose } from "../../../proxy/registry/inventory/propose.ts";
import { takeInventory, type FoundServer, type Inventory } from "../../../proxy/registry/inventory/take-inventory.ts";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { serverEntrySchema, type RegistrySnapshot } from "../../../proxy/registry/server-entry.ts";
import { sampleRegistryDir } from "../../../proxy/sample/sample.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/client-configs");
const proxyUrls = ["http://127.0.0.1:7070", "https://mcp.corp.example.com/box"];
const sample = loadRegistry(sampleRegistryDir);

function registryOf(...entries: object[]): RegistrySnapshot {
  const parsed = entries.map((entry) => serverEntrySchema.parse(entry));
  return { revision: "r", servers: new Map(parsed.map((entry) => [entry.name, entry])) };
}

function inventory(home: string, registry: RegistrySnapshot = sample, project = "project"): Inventory {
  return takeInventory({ files: clientFiles({ home: join(fixtures, home), projects: [join(fixtures, project)] }), registry, proxyUrls });
}

const found = (taken: Inventory): FoundServer[] => taken.items.map((item) => item.found);
const line = (s: FoundServer) => `${s.client} ${s.scope}: ${s.name.split("\n")[0]} ${s.transport} ${s.leadsTo}${s.bridge ? ` by ${s.bridge}` : ""}${s.disabled ? " off" : ""}`;

/** A home with one file of Cursor's in it. */
function homeWith(mcpServers: object): string {
  const home = mkdtempSync(join(tmpdir(), "signalbox-"));
  mkdirSync(join(home, ".cursor"));
  writeFileSync(join(home, ".cursor/mcp.json"), JSON.stringify({ mcpServers }));
  return home;
}
const ofHome = (home: string, registry: RegistrySnapshot): Inventory => takeInventory({ files: clientFiles({ home, projects: [] }), registry, proxyUrls });

describe("the inventory", () => {
  it("finds the servers of every client, on every system and in the project", () => {
    const taken = inventory("home");
    expect(taken.problems).toEqual([]);
    expect(found(taken).map(line).sort()).toEqual([
      "Claude Desktop user: filesystem stdio npm:@modelcontextprotocol/server-filesystem",
      "Claude Desktop user: github stdio docker:ghcr.io/github/github-mcp-server",
      "Claude Desktop user: linear sse https://mcp.linear.app/sse by mcp-remote",
      "Claude Desktop user: memory stdio npm:@modelcontextprotocol/server-memory@2026.8.31",
      "Claude Desktop user: time stdio pypi:mcp-server-time",
      "Claude Code user: sentry streamable-http https://mcp.sentry.dev/mcp",
      "Claude Code user: zapier sse https://actions.zapier.com/mcp/REDACTED/sse",
      "Claude Code user: postgres stdio npm:@modelcontextprotocol/server-postgres",
      "Claude Code project: tickets streamable-http https://tickets.example.com/mcp",
      "Claude Code project: hostile stdio program sh",
      "Cursor user: tickets streamable-http https://tickets.example.com/mcp",
      "Cursor user: through-the-proxy streamable-http http://localhost:7070/mcp/memory",
      "Cursor user: context7 stdio npm:@upstash/context7-mcp@latest",
      "Cursor project: installed stdio npm:@modelcontextprotocol/server-memory",
      "VS Code user: in-a-profile streamable-http https://profile.example.com/mcp",
      "VS Code user: playwright stdio npm:@playwright/mcp@0.0.41",
      "VS Code user: perplexity stdio docker:mcp/perplexity-ask@1.2",
      "VS Code project: stream websocket wss://stream.example.com/mcp",
      "VS Code project: script stdio program node server.mjs",
      "VS Code user: fetch stdio pypi:mcp-server-fetch",
      "VS Code user: dotted streamable-http https://dotted.example.com/mcp",
      "VS Code project: in-a-container stdio npm:container-mcp",
      "Windsurf user: github streamable-http https://api.githubcopilot.com/mcp",
      "Windsurf user: git stdio program py -m mcp_server_git off",
      "Zed user: local stdio program notes-mcp",
      "Zed user: older stdio git:git.example.com/tools/notes",
      "Zed user: postgres-context-server unknown unknown (started by an extension of the client)",
      "Zed user: remote streamable-http https://docs.example.com/mcp",
      "Gemini CLI user: events sse http://events.example.com:8080/events",
      "Gemini CLI user: tickets streamable-http https://tickets.example.com/mcp",
      "Codex user: docs stdio npm:@acme/docs-mcp@3.1.0",
      "Codex user: team.figma streamable-http https://mcp.figma.com/mcp off",
      "Codex project: sentry streamable-http https://mcp.sentry.dev/mcp",
    ].sort());
  });

  it("names what is set for a server, and none of the values", () => {
    const taken = inventory("home");
    const figma = found(taken).find((s) => s.name === "team.figma")!;
    expect(figma.sets.toSorted()).toEqual(["Authorization", "X-Figma-Region", "X-Org"]);
    expect(JSON.stringify(found(taken))).not.toContain("S3CR3T");
  });

  it("says in which line of its file each server stands", () => {
    const lines = found(inventory("home")).filter((s) => s.client === "Codex" || s.name === "postgres");
    expect(lines.map((s) => `${s.name}:${s.line}`)).toEqual(["postgres:12", "docs:11", "team.figma:23", "sentry:1"]);
  });

  it("reports a broken file with its line, quotes nothing of it, and reads on", () => {
    const taken = inventory("broken", sample, "nothing-here");
    expect(taken.problems.map((p) => `${p.file.slice(fixtures.length + 8)}:${p.line}: ${p.message}`)).toEqual([
      ".claude.json:1: the servers should be an object, by name",
      ".cursor/mcp.json:4: a comma should stand here",
      ".gemini/settings.json:2: a server should be an object",
      ".codex/config.toml:4: a value should stand here; text needs quotes",
    ]);
    expect(found(taken).map((s) => s.name)).toEqual(["good"]);
    expect(JSON.stringify(taken.problems)).not.toContain("S3CR3T");
  });

  it("reports what is no file and what is too large to be a configuration", () => {
    const home = mkdtempSync(join(tmpdir(), "signalbox-"));
    mkdirSync(join(home, ".cursor/mcp.json"), { recursive: true });
    mkdirSync(join(home, ".gemini"));
    writeFileSync(join(home, ".gemini/settings.json"), Buffer.alloc(33 * 1024 * 1024, 0x20));
    expect(ofHome(home, sample).problems.map((p) => p.message)).toEqual(["not a file", "larger than 32 MB"]);
  });

  it("looks where variables say a client keeps its files, unless the home is somebody else's", () => {
    const env = { CODEX_HOME: "/c", XDG_CONFIG_HOME: "/x", CLAUDE_CONFIG_DIR: "/cl", APPDATA: "/a" };
    const files = clientFiles({ home: "/h", projects: [], env }).map((f) => f.file);
    expect(files).toEqual(expect.arrayContaining(["/c/config.toml", "/x/zed/settings.json", "/cl/.claude.json", "/a/Claude/claude_desktop_config.json", "/etc/codex/config.toml"]));
    expect(clientFiles({ home: "/h", projects: [] }).every((f) => f.file.startsWith("/h/"))).toBe(true);
  });
});

describe("a server that was found is registered", () => {
  const http = (url: string) => ({ name: "one", endpoint: { transport: "streamable-http", url } });
  const stdio = (command: string, ...args: string[]) => ({ name: "one", endpoint: { transport: "stdio", command, args } });
  const table: [string, object, object, boolean][] = [
    ["when a registered one has its origin and path", { url: "https://X.example.com:443/mcp/?key=1" }, http("https://x.example.com/mcp"), true],
    ["not when the path is another", { url: "https://x.example.com/mcp2" }, http("https://x.example.com/mcp"), false],
    ["not when the origin is another", { url: "http://x.example.com/mcp" }, http("https://x.example.com/mcp"), false],
    ["when a registered one runs the same npm package, installed or not, in whatever version", { command: "npx", args: ["-y", "@acme/tools@2", "x"] }, stdio("node:@acme/tools"), true],
    ["when a registered one runs the same PyPI package", { command: "uvx", args: ["Acme_Tools"] }, stdio("uv", "tool", "run", "acme-tools==1"), true],
    ["when a registered one runs the same image", { command: "docker", args: ["run", "-i", "docker.io/acme/tools:1"] }, stdio("podman", "run", "acme/tools:2"), true],
    ["not when an npm package only has the name of an image", { command: "npx", args: ["acme"] }, stdio("docker", "run", "acme"), false],
    ["when a registered one runs the same program with the same arguments", { command: "/opt/x", args: ["a"] }, stdio("/opt/x", "a"), true],
    ["not when a program has other arguments", { command: "/opt/x", args: ["b"] }, stdio("/opt/x", "a"), false],
    ["when it is behind a bridge", { command: "npx", args: ["mcp-remote", "https://x.example.com/mcp"] }, http("https://x.example.com/mcp"), true],
    ["not when nobody knows where it leads", { env: {} }, stdio("x"), false],
  ];
  it.each(table)("%s", (_name, configured, entry, expected) => {
    const [server] = found(ofHome(homeWith({ s: configured }), registryOf(entry)));
    expect(server!.registeredAs).toEqual(expected ? ["one"] : []);
  });

  it("when another version of one runs beside it", () => {
    const rollout = [{ version: "2", endpoint: { transport: "streamable-http", url: "https://two.example.com/mcp" } }];
    const [server] = found(ofHome(homeWith({ s: { url: "https://two.example.com/mcp" } }), registryOf({ ...http("https://x.example.com/mcp"), rollout })));
    expect(server!.registeredAs).toEqual(["one"]);
  });

  it("as both of two that lead to the same place", () => {
    const registry = registryOf({ ...http("https://x.example.com/mcp"), name: "two" }, http("https://x.example.com/mcp/"));
    expect(found(ofHome(homeWith({ s: { url: "https://x.example.com/mcp" } }), registry))[0]!.registeredAs).toEqual(["one", "two"]);
  });
});

describe("a server goes through the proxy", () => {
  const table: [string, string | undefined][] = [
    ["http://127.0.0.1:7070/mcp/memory", "memory"],
    ["http://localhost:7070/mcp/memory/", "memory"],
    ["http://[::1]:7070/mcp/memory", "memory"],
    ["https://mcp.corp.example.com/box/mcp/memory", "memory"],
    ["http://127.0.0.1:7071/mcp/memory", undefined],
    ["https://mcp.corp.example.com/mcp/memory", undefined],
    ["http://127.0.0.1:7070.evil.example.com/mcp/memory", undefined],
    ["http://127.0.0.1:7070/mcp/memory/more", undefined],
  ];
  it.each(table)("%s", (url, expected) => {
    const [server] = found(ofHome(homeWith({ s: { url } }), sample));
    expect([server!.throughProxy, server!.registeredAs]).toEqual([expected !== undefined, expected === undefined ? [] : [expected]]);
  });

  it("and needs to be registered still where the registry lacks it", () => {
    const [server] = found(ofHome(homeWith({ s: { url: "http://127.0.0.1:7070/mcp/lost" } }), sample));
    expect(server).toMatchObject({ throughProxy: true, registeredAs: [], needs: ['a server named "lost" in the registry'] });
  });
});

it("what a registered server needs is what its entry lacks, and that its client uses the proxy", () => {
  const entry = { name: "one", owner: "a", endpoint: { transport: "streamable-http", url: "https://x.example.com/mcp" } };
  const needs = (over: object, url = "https://x.example.com/mcp") => found(ofHome(homeWith({ s: { url } }), registryOf({ ...entry, ...over })))[0]!.needs;
  expect(needs({})).toEqual(["contact", "riskTier", "tools' effects", "approval", "the proxy's URL in the client"]);
  const whole = { contact: "c", riskTier: "low", lifecycle: "approved", tools: { t: {} } };
  expect(needs(whole)).toEqual(["the proxy's URL in the client"]);
  expect(needs(whole, "http://127.0.0.1:7070/mcp/one")).toEqual([]);
  expect(needs({ ...whole, lifecycle: "retired" })).toContain("removal: it is retired");
});

describe("drafts", () => {
  it("load as proposed servers, hold no secret, and are one for each server that is not registered", () => {
    const directory = join(mkdtempSync(join(tmpdir(), "signalbox-")), "drafts");
    const proposals = propose(directory, inventory("home").items, new Set(sample.servers.keys()));
    const { servers } = loadRegistry(directory);
    expect(proposals.filter((p) => p.state === "written").map((p) => p.name).sort()).toEqual([...servers.keys()].sort());
    expect(proposals.filter((p) => p.state === "impossible").map((p) => `${p.name}: ${p.why}`).sort()).toEqual([
      "postgres-context-server: started by an extension of the client",
      "stream: the proxy does not speak WebSocket",
    ]);
    expect([...servers.values()].every((s) => s.lifecycle === "proposed")).toBe(true);
    const texts = readdirSync(directory).map((file) => readFileSync(join(directory, file), "utf8"));
    expect(texts.join()).not.toContain("S3CR3T");
    expect(servers.get("tickets")!.endpoint).toMatchObject({ url: "https://tickets.example.com/mcp", headers: { Authorization: "Bearer ${env:TICKETS_TOKEN}" } });
    expect(servers.get("team-figma")!.endpoint).toMatchObject({ headers: { "X-Org": "${env:FIGMA_ORG}", Authorization: "Bearer ${env:FIGMA_TOKEN}" } });
    expect(servers.get("docs")).toMatchObject({
      version: "3.1.0",
      endpoint: { command: "npx", args: ["-y", "@acme/docs-mcp@3.1.0", "--token", "${env:DOCS_TOKEN}"], env: { DOCS_TOKEN: "${env:DOCS_TOKEN}", HOME_REGION: "${env:HOME_REGION}" } },
    });
    expect(servers.get("perplexity")!.endpoint).toMatchObject({ args: ["run", "-i", "--rm", "-e", "PERPLEXITY_API_KEY=${env:PERPLEXITY_API_KEY}", "docker.io/mcp/perplexity-ask:1.2"] });
    expect(servers.get("postgres")!.endpoint).toMatchObject({ args: ["-y", "@modelcontextprotocol/server-postgres", "${env:POSTGRES_ARG_3}"] });
  });

  it("of a name that was written to deceive say nothing but that name, in one comment line", () => {
    const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
    propose(directory, inventory("home").items, new Set());
    const text = readFileSync(join(directory, "hostile-owner-attacker-2j.yaml"), "utf8");
    expect(text).toContain('# Found in: Claude Code (project), as "hostile\\n# owner: attacker\\u001b[2J"\n');
    expect(text).not.toMatch(/^# owner: attacker/m);
  });

  it("are registered once they lie in the registry, so that the next inventory proposes nothing", () => {
    const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
    cpSync(sampleRegistryDir, directory, { recursive: true });
    propose(directory, inventory("home").items, new Set(sample.servers.keys()));
    const registry = loadRegistry(directory);
    const again = propose(directory, inventory("home", registry).items, new Set(registry.servers.keys()));
    // What has arguments that may be secrets is told apart by them, and the draft does not have them.
    expect(again.filter((p) => p.state === "written").map((p) => p.leadsTo).sort()).toEqual(["git:git.example.com/tools/notes", "program node server.mjs", "program sh"]);
  });

  it("never replace a file", () => {
    const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
    writeFileSync(join(directory, "s.yaml"), "mine");
    const { items } = ofHome(homeWith({ s: { url: "https://x.example.com/mcp" } }), sample);
    expect(propose(directory, items, new Set())).toMatchObject([{ name: "s", state: "kept" }]);
    expect(readFileSync(join(directory, "s.yaml"), "utf8")).toBe("mine");
  });

  it("get names that are free and that a registry can have", () => {
    const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
    const url = (n: number) => ({ url: `https://x${n}.example.com/mcp` });
    const { items } = ofHome(homeWith({ "My Server!": url(1), "my-server": url(2), "": url(3), ["x".repeat(90)]: url(4), memory: url(5), "../../etc/passwd": url(6) }), sample);
    expect(propose(directory, items, new Set(["memory"])).map((p) => p.name)).toEqual(["my-server", "my-server-2", "server", "x".repeat(58), "memory-2", "etc-passwd"]);
    expect(loadRegistry(directory).servers.size).toBe(6);
  });

  const secretArgs: [string, string[], string[]][] = [
    ["an option that names a secret", ["--api-key", "abc"], ["--api-key", "${env:S_API_KEY}"]],
    ["an option that names one with its value", ["--token=abc"], ["--token=${env:S_TOKEN}"]],
    ["a variable for the child", ["-e", "REGION=eu", "--env", "KEY"], ["-e", "REGION=${env:REGION}", "--env", "KEY"]],
    ["a word of letters and digits, which may be a password", ["--pw", "hunter22"], ["--pw", "${env:S_PW}"]],
    ["a word that looks like a key", ["AKIAIOSFODNN7EXAMPLE"], ["${env:S_ARG_1}"]],
    ["a URL with a user or a query", ["https://u:p@x/", "https://x/?a=b", "https://x.example.com/a"], ["${env:S_ARG_1}", "${env:S_ARG_2}", "https://x.example.com/a"]],
    ["text with marks that no path has", ["a;b", '{"k":"v"}'], ["${env:S_ARG_1}", "${env:S_ARG_2}"]],
    ["a variable, in any client's spelling", ["$HOME", "${FOO}", "${env:BAR}", "%USERPROFILE%", "${workspaceFolder}/x"], ["${env:HOME}", "${env:FOO}", "${env:BAR}", "${env:USERPROFILE}", "${env:S_ARG_5}"]],
    ["none in what is plainly none", ["-y", "--port", "8080", "/home/a/b.db", "C:\\a\\b", "@scope/pkg@1.2.3", "read-only"], ["-y", "--port", "8080", "/home/a/b.db", "C:\\a\\b", "@scope/pkg@1.2.3", "read-only"]],
  ];
  it.each(secretArgs)("put a variable in the place of %s", (_name, args, expected) => {
    const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
    propose(directory, ofHome(homeWith({ s: { command: "tool", args } }), sample).items, new Set());
    expect(loadRegistry(directory).servers.get("s")!.endpoint).toMatchObject({ args: expected });
  });
});

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { SignalboxError } from "../../../collector/kernel/errors.ts";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { exportServerJson, namespaceOf, proxiedServerJson } from "../../../proxy/registry/server-json/export.ts";
import { importServerJson, type ImportOptions } from "../../../proxy/registry/server-json/import.ts";
import { serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";
import { faultsOf } from "./annotated.ts";

/** The examples of the official format's documentation. */
const folder = join(import.meta.dirname, "../../fixtures/server-json");
const textOf = (name: string): string => readFileSync(join(folder, `${name}.json`), "utf8");
const given = { db_type: "postgres", database_name: "shop", "--port": "5432" };
const proposed = (text: string, options: Partial<ImportOptions> = {}) => importServerJson(text, { file: "server.json", given, ...options });
const endpointOf = (name: string, options: Partial<ImportOptions> = {}) => (parse(proposed(textOf(name), options).text) as { endpoint: object }).endpoint;

/** What is proposed, as the registry loads it. */
function loaded(text: string): ServerEntry {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  const { name, text: yaml } = proposed(text);
  writeFileSync(join(dir, `${name}.yaml`), yaml);
  return loadRegistry(dir).servers.get(name)!;
}

const unreachable = new Set(["mcpb-bundle", "website-only"]);
const examples = readdirSync(folder).map((file) => basename(file, ".json"));

describe("the official example", () => {
  for (const name of examples.filter((one) => !unreachable.has(one))) {
    it(`${name} comes out of the registry as it went in, and waits there for a person`, () => {
      const entry = loaded(textOf(name));
      expect(entry).toMatchObject({ lifecycle: "proposed", tools: {} });
      expect(exportServerJson(entry, "com.example")).toEqual(JSON.parse(textOf(name)));
    });

    it(`${name} names the same endpoint when it is written from the entry alone`, () => {
      const { serverJson: _, ...entry } = loaded(textOf(name));
      const written = JSON.stringify(exportServerJson({ ...entry, serverJson: undefined }, "com.example"));
      if (!/"(?:remotes|packages)"/.test(written)) return expect(entry.endpoint).toMatchObject({ command: expect.stringMatching(/docker|dnx/) as unknown });
      expect(endpointShape(loaded(written).endpoint)).toEqual(endpointShape(entry.endpoint));
    });
  }

  it.each([...unreachable])("%s is refused, because the proxy has no way to it", (name) => {
    expect(() => proposed(textOf(name))).toThrow(SignalboxError);
  });
});

/** Variables are named after the server that they are for, and may be named anew; the rest stays. */
const endpointShape = (endpoint: object): unknown => JSON.parse(JSON.stringify(endpoint).replaceAll(/\$\{env:\w+\}/g, "${env}"));

describe("an imported server", () => {
  it("runs an npm package in its exact version, and has its secret named", () => {
    expect(endpointOf("npm-package")).toEqual({
      transport: "stdio",
      command: "npx",
      args: ["-y", "@modelcontextprotocol/server-brave-search@1.0.2"],
      env: { BRAVE_API_KEY: "${env:BRAVE_SEARCH_BRAVE_API_KEY}" },
    });
  });

  it("has a secret named even where the file brings a value for it", () => {
    const environmentVariables = [{ name: "SESSION", isSecret: true, default: "changeme" }];
    const text = JSON.stringify({ name: "com.example/x", description: "d", version: "1.0.0", packages: [{ registryType: "pypi", identifier: "x", version: "1.0.0", transport: { type: "stdio" }, environmentVariables }] });
    expect(loaded(text).endpoint).toMatchObject({ command: "uvx", args: ["x@1.0.0"], env: { SESSION: "${env:X_SESSION}" } });
  });

  it("is taken from its remote rather than from a package", () => {
    expect(endpointOf("remote-and-package")).toMatchObject({ url: "https://mcp.anonymous.modelcontextprotocol.io/http", headers: { "X-API-Key": "${env:HYBRID_MCP_X_API_KEY}", "X-Region": "us-east-1" } });
  });

  it("passes a container the variables by name, and keeps their values out of its arguments", () => {
    expect(endpointOf("docker-many-arguments")).toEqual({
      transport: "stdio",
      command: "docker",
      args: ["run", "-i", "--rm", "-e", "DB_USERNAME", "-e", "DB_PASSWORD", "-e", "SSL_MODE", "--network", "host", "-e", "DB_TYPE=postgres", "docker.io/example/database-manager-mcp:3.1.0", "--host", "localhost", "--port", "5432", "shop"],
      env: { DB_USERNAME: "${env:DATABASE_MANAGER_DB_USERNAME}", DB_PASSWORD: "${env:DATABASE_MANAGER_DB_PASSWORD}", SSL_MODE: "prefer" },
    });
  });

  it("is refused while a value is missing, which is named", () => {
    expect(() => proposed(textOf("docker-many-arguments"), { given: {} })).toThrow(/it needs a value for db_type, database_name/);
  });

  it("takes what is given instead of what is usual", () => {
    expect(endpointOf("several-packages", { given: { target_dir: "/srv/files" } })).toMatchObject({ args: ["-y", "@modelcontextprotocol/server-filesystem@1.0.2", "/srv/files"] });
  });

  it("says in comments what a person has to add", () => {
    const { text } = proposed(textOf("npm-package"));
    for (const word of ["owner, contact", "riskTier", "dataDomains", "taskClasses", "tools", "BRAVE_SEARCH_BRAVE_API_KEY"]) expect(text).toContain(word);
    expect(text).toMatch(/^# Proposed from io\.modelcontextprotocol\.anonymous\/brave-search 1\.0\.2 \(server\.json, sha256 [0-9a-f]{64}\)/);
  });

  it("may be given another name", () => expect(proposed(textOf("remote"), { name: "team-files" }).text).toContain("\nname: team-files\n"));
});

describe("a server.json from a stranger is refused, with the place, for", () => {
  const base = { name: "com.example/x", description: "d", version: "1.0.0", remotes: [{ type: "streamable-http", url: "https://x.example.com/mcp" }] };
  const table: [string, object, string][] = [
    ["a variable of the proxy in a header", { remotes: [{ type: "streamable-http", url: "https://x.example.com", headers: [{ name: "X-A", value: "${env:AWS_SECRET_ACCESS_KEY}" }] }] }, "remotes.0.headers.0.value: holds ${"],
    ["a variable of the proxy in a default", { packages: [{ registryType: "npm", identifier: "x", version: "1.0.0", transport: { type: "stdio" }, packageArguments: [{ type: "positional", valueHint: "a", default: "${dataDir}/../keys" }] }] }, "packages.0.packageArguments.0.default: holds ${"],
    ["a name without a namespace", { name: "x-y" }, "name: "],
    ["a version that is a range", { version: "^1.2.0" }, "version: an exact version"],
    ["a package of the latest version", { packages: [{ registryType: "npm", identifier: "x", version: "latest", transport: { type: "stdio" } }] }, "packages.0.version: an exact version"],
    ["a description of more than 100 characters", { description: "d".repeat(101) }, "description: "],
    ["a URL of a file", { remotes: [{ type: "streamable-http", url: "file:///etc/passwd" }] }, "remotes.0.url: an http or https URL"],
    ["a secret written out in a header", { remotes: [{ type: "streamable-http", url: "https://x.example.com", headers: [{ name: "Authorization", value: "Bearer abc" }] }] }, "as a registry entry, endpoint.headers.Authorization: a secret"],
  ];
  it.each(table)("%s", (_name, over, expected) => {
    const faults = faultsOf(() => proposed(JSON.stringify({ ...base, ...over }, null, 2)));
    expect(faults.map((f) => f.message)).toEqual([expect.stringContaining(expected)]);
    expect(faults[0]!.line).toBeGreaterThan(0);
  });

  it("text that is no JSON", () => expect(faultsOf(() => proposed('{ "name": '))).not.toEqual([]));
});

it("a stranger's words stay in their line and show what they are", () => {
  const hostile = { name: "com.example/x", description: "nice\u202etxt.exe\u001b[2J\nlifecycle: approved", version: "1.0.0\u001b", title: "t", remotes: [{ type: "streamable-http", url: "https://x.example.com/mcp" }] };
  const { text } = proposed(JSON.stringify(hostile));
  expect(parse(text)).toMatchObject({ lifecycle: "proposed", description: hostile.description });
  expect(text).not.toMatch(/[\u001b\u202e]/);
});

describe("an entry that was never imported", () => {
  const entry = (over: object) => serverEntrySchema.parse({ name: "tickets", version: "2.3.0", description: "Tickets.", endpoint: { transport: "stdio", command: "x" }, ...over });

  it("is named in the namespace of the installation", () => {
    expect(exportServerJson(entry({}), namespaceOf("https://mcp.example.com:8443"))).toMatchObject({ name: "com.example.mcp/tickets", version: "2.3.0" });
    expect(namespaceOf("http://127.0.0.1:7070")).toBe("localhost");
    expect(namespaceOf("http://[::1]:7070")).toBe("localhost");
  });

  it("gives away no header that names a variable", () => {
    const json = JSON.stringify(exportServerJson(entry({ endpoint: { transport: "streamable-http", url: "https://t.example.com/mcp", headers: { Authorization: "Bearer ${env:TICKETS}" } } }), "com.example"));
    expect(json).toContain('{"name":"Authorization","isRequired":true,"isSecret":true}');
    expect(json).not.toContain("TICKETS");
  });

  it("has its description cut to what the format allows", () => {
    const { description } = exportServerJson(entry({ description: "d".repeat(300) }), "com.example");
    expect(description).toHaveLength(100);
  });

  it("shows the proxy and nothing behind it to those who come through it", () => {
    expect(proxiedServerJson(entry({ endpoint: { transport: "streamable-http", url: "https://inside.example.com/mcp" } }), "com.example", "https://mcp.example.com/mcp/tickets")).toEqual({
      $schema: expect.stringContaining("2025-12-11") as unknown,
      name: "com.example/tickets",
      description: "Tickets.",
      version: "2.3.0",
      remotes: [{ type: "streamable-http", url: "https://mcp.example.com/mcp/tickets" }],
    });
  });
});

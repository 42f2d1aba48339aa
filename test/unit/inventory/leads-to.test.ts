import { describe, expect, it } from "vitest";
import { leadsTo, unbridged, type RawServer } from "../../../proxy/registry/inventory/leads-to.ts";
import { showTarget } from "../../../proxy/registry/inventory/target.ts";

const raw = (over: Partial<RawServer>): RawServer => ({ args: [], env: {}, headers: {}, transport: "stdio", extension: false, ...over });
const ofUrl = (url: string) => showTarget(leadsTo(raw({ url })));
const ofCommand = (line: string) => {
  const [command, ...args] = line.split(" ");
  return showTarget(leadsTo(unbridged(raw({ command, args }))));
};

describe("a URL leads to its origin and path", () => {
  it.each([
    ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp"],
    ["HTTPS://MCP.Example.com:443/mcp/", "https://mcp.example.com/mcp"],
    ["http://localhost:3000", "http://localhost:3000"],
    ["https://user:s3cret@mcp.example.com/mcp?key=s3cret#s3cret", "https://mcp.example.com/mcp"],
    ["https://hooks.example.com/s/AbCdEf0123456789AbCdEf/mcp", "https://hooks.example.com/s/REDACTED/mcp"],
    ["https://x.example.com/sk-ant-api03-abcdefgh/mcp", "https://x.example.com/REDACTED/mcp"],
    ["https://x.example.com/0b7e9f0a-1c55-4f8e-9a5e-7d6f1c2b3a4d/sse", "https://x.example.com/REDACTED/sse"],
    ["https://x.example.com/${TENANT}/mcp", "https://x.example.com/REDACTED/mcp"],
    ["${BASE:-https://x.example.com}/mcp", "https://x.example.com/mcp"],
    ["https://${HOST}/mcp", "unknown (its URL is put together from variables)"],
    ["s3cret", "unknown (its URL is not valid)"],
    ["file:///s3cret", "unknown (its URL is not valid)"],
  ])("%s", (url, expected) => expect(ofUrl(url)).toBe(expected));
});

describe("a command leads to the package that it runs", () => {
  it.each([
    ["npx -y @modelcontextprotocol/server-memory", "npm:@modelcontextprotocol/server-memory"],
    ["/opt/homebrew/bin/npx --yes Server@1.2.3 --key s3cret", "npm:server@1.2.3"],
    ["npx -y -p @acme/tools@2 acme-mcp", "npm:@acme/tools@2"],
    ["npx --package=@acme/tools acme-mcp", "npm:@acme/tools"],
    ["npm exec -- @acme/tools", "npm:@acme/tools"],
    ["pnpm dlx @acme/tools", "npm:@acme/tools"],
    ["bun x @acme/tools", "npm:@acme/tools"],
    ["cmd /c npx -y @acme/tools", "npm:@acme/tools"],
    ["C:\\nodejs\\npx.cmd -y @acme/tools", "npm:@acme/tools"],
    ["env KEY=s3cret npx -y @acme/tools", "npm:@acme/tools"],
    ["node:@acme/tools", "npm:@acme/tools"],
    ["node /srv/node_modules/@acme/tools/dist/index.js", "npm:@acme/tools"],
    ["deno run -A npm:@acme/tools@1", "npm:@acme/tools@1"],
    ["npx -y github:acme/tools", "git:github.com/acme/tools"],
    ["uvx Mcp_Server.Git==2.0", "pypi:mcp-server-git@2.0"],
    ["uvx mcp-server[cli]@latest", "pypi:mcp-server@latest"],
    ["uvx --index-url https://u:s3cret@pypi.example.com/simple acme-mcp", "pypi:acme-mcp"],
    ["uvx --from git+https://u:s3cret@git.example.com/acme/tools.git@v1 tool", "git:git.example.com/acme/tools"],
    ["uv tool run acme-mcp", "pypi:acme-mcp"],
    ["pipx run --spec acme-mcp==1.0 tool", "pypi:acme-mcp@1.0"],
    ["docker run -i --rm -e TOKEN=s3cret --name x mcp/fetch", "docker:mcp/fetch"],
    ["docker run --rm -i -v /a:/b docker.io/library/tool:1.2 --key s3cret", "docker:tool@1.2"],
    ["podman run -it registry.example.com:5000/team/tool:v1", "docker:registry.example.com:5000/team/tool@v1"],
    ["docker mcp gateway run", "program docker mcp gateway"],
  ])("%s", (line, expected) => expect(ofCommand(line)).toBe(expected));
});

describe("a command is a program, without its arguments,", () => {
  it.each([
    ["after an option that is not known, whose value may be a secret", "npx --key s3cret-package @acme/tools", "program npx"],
    ["of docker too", "docker run --unknown s3cret image", "program docker"],
    ["when a shell runs it", "sh -c s3cret", "program sh"],
    ["with its script's name", "node /home/a/s3cret/server.mjs --key s3cret", "program node server.mjs"],
    ["with its module's name", "python3 -m acme_mcp.server s3cret", "program python3 -m acme_mcp.server"],
    ["when it is a path", "/home/a/s3cret/notes-mcp --vault s3cret", "program notes-mcp"],
    ["when its name is one that every object has", "constructor s3cret", "program constructor"],
    ["when what it runs looks like a key", "npx sk-AbCdEf0123456789AbCdEf", "program npx"],
    ["when it is a uv project", "uv run --directory /s3cret server.py", "program uv"],
  ])("%s", (_name, line, expected) => expect(ofCommand(line)).toBe(expected));
});

describe("a bridge leads to where its messages go", () => {
  it("with the headers that it is told to send", () => {
    const bridged = unbridged(raw({ command: "npx", args: ["-y", "mcp-remote@latest", "https://x.example.com/mcp", "--header", "Authorization:${AUTH}"], env: { AUTH: "Bearer s3cret" } }));
    expect(bridged).toMatchObject({ url: "https://x.example.com/mcp", transport: "streamable-http", headers: { Authorization: "${AUTH}" }, bridge: "mcp-remote" });
  });

  it("and is spoken to as it is told", () => {
    const transport = (...args: string[]) => unbridged(raw({ command: "mcp-remote", args })).transport;
    expect([transport("https://x/sse"), transport("https://x/sse", "--transport", "http-only"), transport("https://x/mcp", "--transport", "sse-only")]).toEqual(["sse", "streamable-http", "sse"]);
  });
});

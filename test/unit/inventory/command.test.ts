import { Command } from "commander";
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { registerInventory } from "../../../proxy/commands/inventory.ts";
import { commandContext } from "../../support/command-context.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/client-configs");

async function run(...args: string[]): Promise<string[]> {
  const cwd = mkdtempSync(join(tmpdir(), "signalbox-"));
  // A port on which nothing can answer.
  writeFileSync(join(cwd, "signalbox.yaml"), "store: { port: 1 }\n");
  const { context, lines } = commandContext(cwd, Date.UTC(2026, 10, 22));
  const program = new Command("signalbox").exitOverride();
  registerInventory(program, context);
  await program.parseAsync(["inventory", ...args], { from: "user" });
  return lines;
}

const home = ["--home", join(fixtures, "home"), "--project", join(fixtures, "project")];

it("lists a line for each server, and says that the store was away", async () => {
  const lines = await run(...home);
  expect(lines[0]!.split(/ {2,}/)).toEqual(["server", "client", "scope", "file", "transport", "leads to", "registered", "proxied", "needs"]);
  const line = (start: string) => lines.find((l) => l.startsWith(start))!.split(/ {2,}/);
  expect(line("through-the-proxy")).toEqual(["through-the-proxy", "Cursor", "user", "~/.cursor/mcp.json:8", "streamable-http", "http://localhost:7070/mcp/memory", "memory", "yes", "-"]);
  expect(line("linear")[4]).toBe("sse by mcp-remote");
  expect(line("git ")[4]).toBe("stdio (off)");
  expect(line("sentry").at(-1)).toBe("owner, contact, riskTier, tools' effects");
  expect(lines.at(-2)).toBe("the store did not answer, so servers that only traffic shows are not listed");
  expect(lines.at(-1)).toBe("33 servers in 17 files: 4 registered, 1 through the proxy");
});

it("shows no secret, and nothing that a terminal would obey", async () => {
  for (const lines of [await run(...home), await run(...home, "--json")]) {
    expect(lines.join("\n")).not.toContain("S3CR3T");
    for (const line of lines) expect(line).not.toMatch(/[\u001b\u202e]/);
  }
  expect((await run(...home)).filter((line) => line.startsWith("# owner"))).toEqual([]);
});

it("lists the faults of a file among the servers of the others", async () => {
  const lines = await run("--home", join(fixtures, "broken"), "--project", join(fixtures, "nowhere"));
  expect(lines.find((line) => line.includes("mcp.json:4:5: a comma should stand here"))).toBeDefined();
  expect(lines.at(-1)).toBe("1 server in 1 file: 0 registered, 0 through the proxy; 4 files with faults");
});

it("says so where nothing is found", async () => {
  expect((await run("--home", join(fixtures, "nowhere"), "--project", join(fixtures, "nowhere"))).at(-1)).toBe("0 servers in 0 files: 0 registered, 0 through the proxy");
});

it("has it all as JSON, with the drafts that it wrote", async () => {
  const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
  const json = JSON.parse((await run("--home", join(fixtures, "broken"), "--project", join(fixtures, "nowhere"), "--json", "--propose", directory)).join("\n")) as object;
  expect(json).toMatchObject({
    servers: [{ client: "Gemini CLI", scope: "user", name: "good", target: { kind: "url", url: "https://good.example.com/mcp" }, registeredAs: [], throughProxy: false }],
    problems: [{ line: 1 }, { line: 4 }, { line: 2 }, { line: 4 }],
    traffic: { servers: null },
    proposals: [{ name: "good", state: "written", file: join(directory, "good.yaml") }],
  });
  expect(readdirSync(directory)).toEqual(["good.yaml"]);
});

import { Command } from "commander";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addPinVerbs, type PinSources } from "../../../proxy/commands/pins.ts";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { definitionHash } from "../../../proxy/registry/pins/definition.ts";
import { openJournal } from "../../../proxy/state/journal.ts";
import { withPins } from "../../../proxy/registry/pins/write-pins.ts";
import { commandContext } from "../../support/command-context.ts";

let exitCode: typeof process.exitCode;
beforeEach(() => (exitCode = process.exitCode));
afterEach(() => (process.exitCode = exitCode));

const read = { name: "read", description: "Reads a file.", inputSchema: { type: "object" } };
const drop = { name: "drop", description: "Deletes a file." };
const entry = `# Files of the team.
name: files # short for filesystem
environments: [development]
endpoint: { transport: stdio, command: node:files, args: ["\${dataDir}/x"] }
tools:
  # Written by others.
  read: { effect: read, trusted: false } # never trusted
  list:
    effect: read
`;

function project(text = entry): string {
  const cwd = mkdtempSync(join(tmpdir(), "signalbox-"));
  writeFileSync(join(cwd, "signalbox.yaml"), "proxy: { registry: registry }\n");
  mkdirSync(join(cwd, "registry"));
  writeFileSync(join(cwd, "registry/the-files.yaml"), text);
  writeFileSync(join(cwd, "tools.json"), JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools: [read, drop] } }));
  return cwd;
}

async function run(cwd: string, sources: PinSources, ...args: string[]): Promise<{ lines: string[]; code: number }> {
  const { context, lines } = commandContext(cwd, 0);
  const program = new Command("signalbox").exitOverride();
  addPinVerbs(program.command("registry"), context, sources);
  process.exitCode = 0;
  await program.parseAsync(["registry", ...args], { from: "user" });
  return { lines, code: Number(process.exitCode) };
}

const yamlOf = (cwd: string) => readFileSync(join(cwd, "registry/the-files.yaml"), "utf8");

describe("registry pin", () => {
  it("puts the pins into the server's file, keeps what people wrote, and the definitions beside it", async () => {
    const cwd = project();
    chmodSync(join(cwd, "registry/the-files.yaml"), 0o640);
    const { lines, code } = await run(cwd, {}, "pin", "files", "--from", join(cwd, "tools.json"));
    expect(yamlOf(cwd)).toBe(
      entry
        .replace("trusted: false }", `trusted: false, pin: "${definitionHash(read)}" }`)
        .replace("  read:", `  drop: { effect: destructive, trusted: false, pin: "${definitionHash(drop)}" }\n  read:`)
        .replace("  # Written by others.\n  drop", "  # Written by others.\n  drop"),
    );
    expect(code).toBe(0);
    expect(lines).toEqual([
      `pinned      drop  ${definitionHash(drop).slice(0, 19)}  (first)`,
      `pinned      read  ${definitionHash(read).slice(0, 19)}  (first)`,
      `2 of 2 pins are new in ${join(cwd, "registry/the-files.yaml")}`,
    ]);
    const tools = loadRegistry(join(cwd, "registry")).servers.get("files")!.tools;
    // A tool that the registry did not list counts as destructive, and still does.
    expect(tools).toMatchObject({ drop: { effect: "destructive" }, read: { effect: "read", pin: definitionHash(read) }, list: { effect: "read" } });
    expect(JSON.parse(readFileSync(join(cwd, "registry/definitions/files.json"), "utf8"))).toEqual({ server: "files", tools: [drop, read] });
    expect(statSync(join(cwd, "registry/the-files.yaml")).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(cwd, "registry"))).toEqual(["definitions", "the-files.yaml"]);
  });

  it("says that nothing is new the second time, and replaces a pin when the definition changed", async () => {
    const cwd = project();
    await run(cwd, {}, "pin", "files", "--from", join(cwd, "tools.json"));
    const before = yamlOf(cwd);
    expect((await run(cwd, {}, "pin", "files", "--from", join(cwd, "tools.json"))).lines).toEqual([`0 of 2 pins are new in ${join(cwd, "registry/the-files.yaml")}`]);
    expect(yamlOf(cwd)).toBe(before);

    const now = { ...read, description: "Reads one file." };
    const { lines } = await run(cwd, { observed: async () => [now] }, "pin", "files", "--observed");
    expect(lines.slice(0, 2)).toEqual([
      `pinned      read  ${definitionHash(now).slice(0, 19)}  (compatible)`,
      '            /description text: "Reads a file." became "Reads one file."',
    ]);
    expect(yamlOf(cwd)).toBe(before.replace(definitionHash(read), definitionHash(now)));
    expect(JSON.parse(readFileSync(join(cwd, "registry/definitions/files.json"), "utf8"))).toMatchObject({ tools: [{ name: "drop" }, { description: "Reads one file." }] });
  });

  it("pins what the proxy saw last, as the control journal has it", async () => {
    const cwd = project();
    const journal = await openJournal({ dir: join(cwd, ".signalbox/control"), replay: () => undefined });
    const seen = (tool: { name: string }, change: "first" | "compatible" | "vanished", on = "files") =>
      ({ kind: "tool.seen" as const, server: on, version: "0", tool: tool.name, hash: definitionHash(tool), definition: JSON.stringify(tool), change, differences: [], instructionScore: 0, action: "pass" as const });
    const events = [seen(read, "first"), seen({ ...read, description: "Reads one file." } as typeof read, "compatible"), seen(drop, "first"), seen(drop, "vanished"), seen({ name: "other" }, "first", "mail")];
    await journal.append(events.map((event, i) => ({ seq: i + 1, atMs: 0, by: "proxy", event })));
    await run(cwd, {}, "pin", "files", "--observed");
    expect(JSON.parse(readFileSync(join(cwd, "registry/definitions/files.json"), "utf8"))).toEqual({ server: "files", tools: [{ ...read, description: "Reads one file." }] });
    await journal.close();
  });

  it("pins the named tools alone", async () => {
    const cwd = project();
    await run(cwd, {}, "pin", "files", "--from", join(cwd, "tools.json"), "--tool", "read");
    expect(yamlOf(cwd)).not.toContain("drop");
    await expect(run(cwd, {}, "pin", "files", "--from", join(cwd, "tools.json"), "--tool", "nothing")).rejects.toThrow("no definition of nothing");
  });

  it.each([
    ["a server that no file names", ["pin", "mail", "--from", "tools.json"], "has a server of this name"],
    ["no source", ["pin", "files"], "say where the definitions come from"],
    ["two sources", ["pin", "files", "--observed", "--from", "tools.json"], "say where the definitions come from"],
    ["what the proxy saw where none has run", ["pin", "files", "--observed"], "no proxy has run"],
    ["a file that is not there", ["pin", "files", "--from", "nothing.json"], "cannot be read: ENOENT"],
    ["a file that is no list of tools", ["pin", "files", "--from", "signalbox.yaml"], "not JSON"],
  ])("refuses %s and changes nothing", async (_name, args, message) => {
    const cwd = project();
    const at = args.map((arg) => (/\.(json|yaml)$/.test(arg) ? join(cwd, arg) : arg));
    await expect(run(cwd, {}, ...at)).rejects.toThrow(message);
    expect(yamlOf(cwd)).toBe(entry);
  });

  it("does not write into the sample registry", async () => {
    const cwd = project();
    writeFileSync(join(cwd, "signalbox.yaml"), "");
    await expect(run(cwd, {}, "pin", "filesystem", "--from", join(cwd, "tools.json"))).rejects.toThrow("sample registry");
  });
});

describe("registry diff", () => {
  it("is silent but for a line where all is as pinned, and exits 1 where something differs", async () => {
    const cwd = project();
    await run(cwd, {}, "pin", "files", "--from", join(cwd, "tools.json"));
    expect(await run(cwd, {}, "diff", "files", "--from", join(cwd, "tools.json"))).toEqual({ code: 0, lines: ["files: 2 tools, all as pinned"] });

    const changed = { ...read, inputSchema: { type: "object", required: ["key"] } };
    const { lines, code } = await run(cwd, { observed: async () => [changed, { name: "new\u001b[2J" }] }, "diff", "files", "--observed");
    expect(code).toBe(1);
    expect(lines).toEqual([
      "vanished    drop  -",
      expect.stringMatching(/^not pinned  new\ufffd\[2J  sha256:[0-9a-f]{12}  \(first\)$/),
      expect.stringMatching(/^breaking    read  sha256:[0-9a-f]{12}$/),
      '            /inputSchema/required required: "key" is now required',
    ]);
  });

  it("has it all as JSON", async () => {
    const cwd = project();
    const { lines } = await run(cwd, { observed: async () => [read], score: () => 0.8 }, "diff", "files", "--observed", "--json");
    expect(JSON.parse(lines.join(""))).toMatchObject({ server: "files", tools: [{ tool: "read", change: "first", instructionScore: 0.8, instructions: true, hash: definitionHash(read) }] });
  });
});

describe("a pin is put into", () => {
  const pin = `sha256:${"a".repeat(64)}`;
  const server = (tools: string) => `name: x\nendpoint: { transport: stdio, command: x }\n${tools}`;
  const table: [string, string, string][] = [
    ["a file without tools", "", `tools:\n  t: { effect: destructive, trusted: false, pin: "${pin}" }\n`],
    ["a file whose tools are an empty map", "tools: {}\n", `tools: { t: { effect: destructive, trusted: false, pin: "${pin}" } }\n`],
    ["an empty tool", "tools:\n  t: {} # why\n", `tools:\n  t: { pin: "${pin}" } # why\n`],
    ["a tool in block style", "tools:\n  t:\n    # why\n    effect: read\n", `tools:\n  t:\n    # why\n    pin: "${pin}"\n    effect: read\n`],
    ["tools in flow style", "tools: {t: {effect: read}}\n", `tools: {t: {effect: read, pin: "${pin}"}}\n`],
    ["tools in flow style that lack it", "tools: { a: { effect: read } }\n", `tools: { t: { effect: destructive, trusted: false, pin: "${pin}" }, a: { effect: read } }\n`],
    ["a tool whose last comment stands before the brace", "tools:\n  t: {\n    effect: read, # why\n  }\n", `tools:\n  t: { effect: read, pin: ${pin} } # why\n`],
    ["a tool that has another", `tools:\n  t: { pin: sha256:${"b".repeat(64)}, effect: read }\n`, `tools:\n  t: { pin: "${pin}", effect: read }\n`],
  ];
  it.each(table)("%s", (_name, tools, expected) => {
    expect(withPins(server(tools), new Map([["t", pin]]))).toBe(server(expected));
  });

  it("a tool whose name is not a plain word", () => {
    const names = ["a.b/c", "true", "12", 'q"uo\\te', "with space", "- x", "#"];
    const out = withPins(server("tools:\n  t: { effect: read }\n"), new Map(names.map((name) => [name, pin])));
    const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
    writeFileSync(join(directory, "x.yaml"), out);
    expect(Object.keys(loadRegistry(directory).servers.get("x")!.tools).sort()).toEqual([...names, "t"].sort());
  });
});

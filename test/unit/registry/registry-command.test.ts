import { Command } from "commander";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registerRegistry } from "../../../proxy/commands/registry.ts";
import { commandContext } from "../../support/command-context.ts";

const examples = join(import.meta.dirname, "../../fixtures/server-json");
let exitCode: typeof process.exitCode;
beforeEach(() => (exitCode = process.exitCode));
afterEach(() => (process.exitCode = exitCode));

const tickets = `name: tickets
version: 2.3.0
owner: ana
contact: ana
riskTier: medium
lifecycle: approved
environments: [production]
taskClasses: [triage]
credential: { name: tickets-key, rotatedAt: 2026-03-03, rotateEveryDays: 60 }
endpoint: { transport: streamable-http, url: "https://tickets.example.com/mcp" }
rollout:
  - { version: 2.4.0, weight: 10, endpoint: { transport: streamable-http, url: "https://next.example.com/mcp" } }
`;

/** A folder with a configuration and a registry of its own. */
function project(servers: Record<string, string> = { tickets }): string {
  const cwd = mkdtempSync(join(tmpdir(), "signalbox-"));
  writeFileSync(join(cwd, "signalbox.yaml"), "dataDir: data\nproxy: { registry: registry, environment: production, publicUrl: https://mcp.example.com }\n");
  writeFileSync(join(cwd, "people.yaml"), "people:\n  - { id: ana, name: Ana, contact: ana@example.com }\n");
  mkdirSync(join(cwd, "registry"));
  for (const [name, text] of Object.entries(servers)) writeFileSync(join(cwd, "registry", `${name}.yaml`), text);
  return cwd;
}

function run(cwd: string, ...args: string[]): { out: string; code: number } {
  const { context, lines } = commandContext(cwd, Date.UTC(2026, 5, 1));
  const program = new Command("signalbox").exitOverride();
  registerRegistry(program, context);
  process.exitCode = 0;
  program.parse(["registry", ...args], { from: "user" });
  return { out: lines.join("\n"), code: Number(process.exitCode) };
}

describe("registry list", () => {
  it("says as JSON who owns a server, how old its credential is and which versions run", () => {
    const { servers } = JSON.parse(run(project(), "list", "--json").out) as { servers: object[] };
    expect(servers).toMatchObject([
      {
        name: "tickets",
        contact: "ana@example.com",
        ownedBy: { kind: "person", name: "Ana" },
        credential: { name: "tickets-key", rotatedAt: "2026-03-03", ageDays: 90, dueInDays: -30 },
        rollout: [{ version: "2.4.0", weight: 10 }],
      },
    ]);
  });

  it("prints faults alone where the files have some, as JSON if asked so", () => {
    const cwd = project({ tickets: tickets.replace("owner: ana", "owner: anna") });
    expect(run(cwd, "list")).toEqual({ code: 1, out: expect.stringMatching(/tickets\.yaml:3:8: owner: no person or team has the id "anna" \(did you mean "ana"\?/) as unknown });
    expect(JSON.parse(run(cwd, "list", "--json").out)).toMatchObject({ problems: [{ line: 3, column: 8 }] });
  });

  it("shows a terminal nothing that it would obey", () => {
    const cwd = project({ tickets: tickets.replace("taskClasses: [triage]", 'taskClasses: ["\\e[2Jtriage"]') });
    expect(run(cwd, "list").out).not.toContain("\u001b");
  });
});

describe("registry approved", () => {
  it("shows a line for each class and server", () => {
    const { out } = run(project(), "approved");
    expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["task class", "server", "version", "risk", "owner", "state"],
      ["triage", "tickets", "2.3.0", "medium", "ana", "approved"],
      [expect.stringMatching(/^environment production, revision [0-9a-f]{12}$/)],
    ]);
  });

  it("answers for one class, in words and as JSON", () => {
    expect(run(project(), "approved", "--task-class", "release").out).toMatch(/^no server is approved for release\n/);
    const json = JSON.parse(run(project(), "approved", "--task-class", "triage", "--json").out) as object;
    expect(json).toMatchObject({ environment: "production", taskClasses: [{ taskClass: "triage", servers: [{ server: "tickets" }] }] });
  });
});

describe("registry import", () => {
  const example = join(examples, "npm-package.json");

  it("prints a proposal, and writes nothing", () => {
    const cwd = project();
    expect(run(cwd, "import", example).out).toContain("\nname: brave-search\n");
    expect(existsSync(join(cwd, "registry/brave-search.yaml"))).toBe(false);
  });

  it("writes it where the registry is, loads, and exports what it came from", () => {
    const cwd = project();
    run(cwd, "import", example, "--name", "search", "--write");
    expect(run(cwd, "check").code).toBe(0);
    expect(JSON.parse(run(cwd, "export", "search").out)).toEqual(JSON.parse(readFileSync(example, "utf8")));
  });

  it("writes over no file, and not into the sample", () => {
    const cwd = project();
    expect(() => run(cwd, "import", example, "--name", "tickets", "--write")).toThrow("is already there");
    writeFileSync(join(cwd, "signalbox.yaml"), "dataDir: data\n");
    expect(() => run(cwd, "import", example, "--write")).toThrow("sample registry");
  });

  it("takes values for what the file leaves open", () => {
    const { out } = run(project(), "import", join(examples, "docker-many-arguments.json"), "--set", "db_type=mysql", "--set", "database_name=a=b");
    expect(out).toContain("- DB_TYPE=mysql\n");
    expect(out).toContain("- a=b\n");
  });

  it("names the place of what is wrong, with exit code 1", () => {
    const cwd = project();
    const file = join(cwd, "server.json");
    writeFileSync(file, '{\n  "name": "nothing",\n  "description": "d",\n  "version": "1.0.0"\n}\n');
    expect(run(cwd, "import", file)).toEqual({ code: 1, out: expect.stringContaining(`${file}:2:11: name: `) as unknown });
    expect(() => run(cwd, "import", join(cwd, "none.json"))).toThrow("ENOENT");
  });
});

describe("registry export", () => {
  it("prints a server where it is, or under the proxy's URL", () => {
    expect(JSON.parse(run(project(), "export", "tickets").out)).toMatchObject({ name: "com.example.mcp/tickets", remotes: [{ url: "https://tickets.example.com/mcp" }] });
    expect(JSON.parse(run(project(), "export", "tickets", "--proxied").out)).toMatchObject({ remotes: [{ url: "https://mcp.example.com/mcp/tickets" }] });
  });

  it("prints all of them as a list", () => expect(JSON.parse(run(project(), "export").out)).toHaveLength(1));
  it("refuses a name that is not there", () => expect(() => run(project(), "export", "mail")).toThrow("no server is named mail"));
});

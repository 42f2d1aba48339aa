import { Command } from "commander";
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { registerPolicy } from "../../../proxy/commands/policy.ts";
import { registerRegistry } from "../../../proxy/commands/registry.ts";
import { commandContext } from "../../support/command-context.ts";

const fixtures = join(import.meta.dirname, "../../fixtures");
let exitCode: typeof process.exitCode;
beforeEach(() => (exitCode = process.exitCode));
afterEach(() => (process.exitCode = exitCode));

/** A folder with a configuration of its own, in which the good fixtures lie. */
function project(): string {
  const cwd = mkdtempSync(join(tmpdir(), "signalbox-"));
  writeFileSync(join(cwd, "signalbox.yaml"), "dataDir: data\nproxy: { registry: registry, policies: policies }\n");
  cpSync(join(fixtures, "policies/registry"), join(cwd, "registry"), { recursive: true });
  mkdirSync(join(cwd, "policies/tests"), { recursive: true });
  writeFileSync(join(cwd, "policies/all.yaml"), "rules:\n  - { id: read, effect: allow, match: { servers: [tickets], effects: [read] } }\n");
  return cwd;
}

function run(cwd: string, ...args: string[]): { lines: string[]; code: number } {
  const { context, lines } = commandContext(cwd, Date.UTC(2026, 5, 1));
  const program = new Command("signalbox").exitOverride();
  registerPolicy(program, context);
  registerRegistry(program, context);
  process.exitCode = 0;
  program.parse(args, { from: "user" });
  return { lines, code: Number(process.exitCode) };
}

it("registry check says that all is well, or each fault with its place and exit code 1", () => {
  const cwd = project();
  expect(run(cwd, "registry", "check")).toMatchObject({ code: 0, lines: [expect.stringMatching(/3 servers, revision [0-9a-f]{12}, no faults$/)] });
  const bad = join(cwd, "registry/bad.yaml");
  writeFileSync(bad, "name: x\nlifecycle: open\nendpoint: { transport: stdio, command: x }\n");
  expect(run(cwd, "registry", "check")).toEqual({
    code: 1,
    lines: [`${bad}:2:12: lifecycle: not one of the known values (one of: proposed, approved, deprecated, retired)`],
  });
  const json = JSON.parse(run(cwd, "registry", "check", "--json").lines.join("\n")) as { problems: object[] };
  expect(json.problems).toMatchObject([{ file: bad, line: 2, column: 12 }]);
});

it("registry list shows a line for each server", () => {
  const { lines } = run(project(), "registry", "list");
  expect(lines.map((line) => line.split(" ")[0])).toEqual(["server", "draft", "files", "tickets", "revision"]);
});

it("policy check reports what loads and yet cannot work", () => {
  const cwd = project();
  expect(run(cwd, "policy", "check").code).toBe(0);
  writeFileSync(join(cwd, "policies/more.yaml"), "rules:\n  - { id: lost, effect: deny, match: { servers: [mail] } }\n");
  const { code, lines } = run(cwd, "policy", "check");
  expect(code).toBe(1);
  expect(lines).toEqual([expect.stringContaining('more.yaml:2:50: rule lost: no server is named "mail"')]);
});

it("policy test prints each case, and where and how a failed one differs", () => {
  const cwd = project();
  const input = "{ agent: build, server: tickets, tool: search }";
  writeFileSync(join(cwd, "policies/tests/cases.yaml"), `cases:\n  - { name: good, input: ${input}, expect: { decision: allow } }\n`);
  expect(run(cwd, "policy", "test")).toEqual({ code: 0, lines: ["pass  good", "1 of 1 case passed"] });
  writeFileSync(join(cwd, "policies/tests/other.yaml"), `cases:\n  - { name: bad, input: ${input}, expect: { decision: deny } }\n`);
  const { code, lines } = run(cwd, "policy", "test");
  expect(code).toBe(1);
  expect(lines.slice(1, 3)).toEqual(["FAIL  bad", "1 of 2 cases passed"]);
  expect(lines[3]).toMatch(/other\.yaml:2:5: bad: decision: expected deny, got allow$/);
});

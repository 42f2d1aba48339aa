import { Command } from "commander";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { registerKeys } from "../../../proxy/commands/keys.ts";
import { createKeyAuthenticator } from "../../../proxy/identity/key-authenticator.ts";
import { loadKeys } from "../../../proxy/identity/keys-file.ts";
import { commandContext } from "../../support/command-context.ts";

let exitCode: typeof process.exitCode;
beforeEach(() => (exitCode = process.exitCode));
afterEach(() => (process.exitCode = exitCode));

const project = (): string => mkdtempSync(join(tmpdir(), "signalbox-"));

async function run(cwd: string, ...args: string[]): Promise<string[]> {
  const { context, lines } = commandContext(cwd, Date.UTC(2026, 5, 1));
  const program = new Command("signalbox").exitOverride();
  registerKeys(program, context);
  await program.parseAsync(["keys", ...args], { from: "user" });
  return lines;
}

it("keys create prints a key once, and keys list its id, roles and state", async () => {
  const cwd = project();
  expect((await run(cwd, "list"))[0]).toMatch(/^no keys yet/);
  const [key] = await run(cwd, "create", "--agent", "build", "--principal", "ci", "--ttl-days", "30");
  expect(key).toMatch(/^sbx_/);
  expect(readFileSync(join(cwd, ".signalbox/keys.yaml"), "utf8")).not.toContain(key);
  expect((await run(cwd, "list"))[1]!.split(/ {2,}/)).toEqual([key!.split("_")[1], "build", "ci", "agent", "-", "any", "any", "2026-06-01", "2026-07-01", "valid"]);
});

it("keys create gives the roles that were asked for, and no others", async () => {
  const cwd = project();
  await run(cwd, "create", "--agent", "ana", "--role", "approver", "operator");
  const { keys } = JSON.parse((await run(cwd, "list", "--json")).join("\n")) as { keys: Record<string, unknown>[] };
  expect(keys).toMatchObject([{ agent: "ana", roles: ["approver", "operator"], state: "valid" }]);
  expect(keys[0]).not.toHaveProperty("hash");
  await expect(run(cwd, "create", "--agent", "ana", "--role", "admin")).rejects.toThrow("Allowed choices are agent, approver, operator");
});

it("keys revoke ends a key, may be repeated, and says so of an id that is not there", async () => {
  const cwd = project();
  const [key] = await run(cwd, "create", "--agent", "build");
  const id = key!.split("_")[1]!;
  for (let i = 0; i < 2; i++) await run(cwd, "revoke", id);
  expect((await run(cwd, "list"))[1]).toMatch(/revoked$/);
  await expect(run(cwd, "revoke", "0000")).rejects.toThrow("there is no key 0000");
});

it("keys rotate: both keys are good while they overlap, and then the new one alone, like the old one in all else", async () => {
  const cwd = project();
  const [old] = await run(cwd, "create", "--agent", "build", "--principal", "ci", "--ttl-days", "30", "--servers", "tickets", "files", "--tools", "search", "--task-class", "triage", "--task-classes", "triage", "review");
  const id = old!.split("_")[1]!;
  const [key, said] = await run(cwd, "rotate", id, "--overlap", "2h");
  expect(said).toContain(`takes the place of ${id}, which is good until 2026-06-01T02:00:00.000Z`);
  const authenticator = createKeyAuthenticator(loadKeys(join(cwd, ".signalbox/keys.yaml")), { defaultTaskClass: "" });
  const who = (credential: string, atMs: number) => authenticator.authenticate(undefined, credential, atMs);
  const begin = Date.UTC(2026, 5, 1);
  const like = { agent: "build", principal: "ci", servers: ["tickets", "files"], tools: ["search"], taskClass: "triage", taskClasses: ["triage", "review"] };
  for (const one of [old!, key!]) expect(who(one, begin + 2 * 3_600_000 - 1)).toMatchObject({ ok: true, identity: like });
  expect(who(old!, begin + 2 * 3_600_000)).toEqual({ ok: false, why: "expired" });
  expect(who(key!, begin + 30 * 86_400_000 - 1).ok).toBe(true);
  expect(who(key!, begin + 30 * 86_400_000)).toEqual({ ok: false, why: "expired" });
  await run(cwd, "revoke", key!.split("_")[1]!);
  await expect(run(cwd, "rotate", key!.split("_")[1]!)).rejects.toThrow("is over already");
  await expect(run(cwd, "rotate", "0000")).rejects.toThrow("there is no key 0000");
});

it("keys create refuses a life of no days", async () => {
  await expect(run(project(), "create", "--agent", "build", "--ttl-days", "0")).rejects.toThrow("a whole number of days");
});

import { Command } from "commander";
import Fastify, { type FastifyInstance } from "fastify";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../collector/kernel/clock.ts";
import type { CommandContext } from "../../../collector/kernel/command.ts";
import { loadConfig } from "../../../collector/kernel/config.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { registerPeople } from "../../../proxy/commands/people.ts";
import { peopleApi } from "../../../proxy/people/api.ts";
import { peopleDeciders } from "../../../proxy/people/deciders.ts";
import type { Control, Role } from "../../../proxy/state/command.ts";
import { createLocalControl } from "../../../proxy/state/local-control.ts";
import { createHostCheck } from "../../../proxy/transport/host-check.ts";
import { caller, heldRequest } from "../../unit/people/control.ts";

const roles: Record<string, readonly Role[]> = { ben: ["approver"], cleo: ["approver"], olga: ["operator"] };
const evil = "wipe\u001b[2J\u202e\u0007<b>";
let directory: string;
let app: FastifyInstance;
let control: Control;
let url: string;
let held: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "signalbox-verbs-"));
  app = Fastify();
  const state = createLocalControl({ deciders: peopleDeciders });
  control = state;
  await app.register(peopleApi, {
    control, clock: systemClock, logger: silentLogger, hosts: createHostCheck({ host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] }),
    authenticate: (authorization) => {
      const name = authorization?.replace("Bearer ", "") ?? "";
      if (!roles[name]) return { ok: false, why: "unknown" };
      return { ok: true, identity: { agent: `${name}-cli`, principal: name, delegation: [], credentialId: name, taskId: "", taskClass: "", roles: roles[name] } };
    },
    heldArguments: { read: async () => `{"path":"${evil}"}` },
    quarantine: { read: async () => Buffer.from(`line one ${evil}\nline two`), remove: async () => {} },
  });
  url = await app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});

let n = 0;
beforeEach(async () => {
  const asked = await control.submit({ kind: "approval.request", request: { ...heldRequest, tool: evil, requestDigest: `d${++n}`, effect: "destructive" } }, caller);
  held = (asked as any).result.approvalId;
});

/** What a verb prints, or the error that it ends with. */
async function run(who: string, ...argv: string[]): Promise<string> {
  const lines: string[] = [];
  const context: CommandContext = {
    config: () => loadConfig({ cwd: directory, env: { SIGNALBOX_PROXY_PUBLIC_URL: url } }),
    clock: systemClock, env: { SIGNALBOX_KEY: who }, logger: () => silentLogger, print: (line) => void lines.push(line), untilStopped: async () => {}, ready: () => {},
  };
  const program = new Command().exitOverride();
  registerPeople(program, context);
  for (const command of program.commands) for (const verb of command.commands) verb.exitOverride().configureOutput({ writeErr: () => {} });
  await program.parseAsync(argv, { from: "user" });
  return lines.join("\n");
}

describe("signalbox approvals", () => {
  it("lists what waits as a table that a terminal only shows", async () => {
    const table = await run("ben", "approvals", "list");
    expect(table).toMatch(/^id +state +agent +for +server +tool +effect +risk +agreed +left +why/);
    expect(table).toContain(held);
    expect(table).toContain("0/2");
    expect(table).toContain("wipe⟦U+001B⟧[2J⟦U+202E⟧⟦U+0007⟧<b>");
    expect(table).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(JSON.parse(await run("ben", "approvals", "list", "--json")).approvals[0]).toMatchObject({ approvalId: held, tool: evil });
    expect(await run("ben", "approvals", "list", "--json")).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it("shows the arguments, approves by two people, and says so", async () => {
    const shown = await run("ben", "approvals", "show", held);
    expect(shown).toContain("arguments (3 hidden characters made visible):");
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(await run("ben", "approvals", "approve", held, "--comment", "read it")).toBe(`${held} is pending; 1 more person must agree`);
    await expect(run("ben", "approvals", "approve", held)).rejects.toThrow("a second person has to agree");
    expect(await run("cleo", "approvals", "approve", held)).toBe(`${held} is approved`);
    expect(await run("cleo", "approvals", "show", held)).toContain("agreed     ben, cleo (2 needed)");
  });

  it("denies, and fails with the API's own words where it may not", async () => {
    expect(await run("ben", "approvals", "deny", held)).toBe(`${held} is denied`);
    await expect(run("olga", "approvals", "deny", held)).rejects.toThrow("only an approver may do this");
    await expect(run("mallory", "approvals", "list")).rejects.toMatchObject({ code: "E_UNAUTHENTICATED" });
    await expect(run("ben", "approvals", "list", "--state", "odd")).rejects.toThrow("Allowed choices are pending");
  });

  it("reads the key from a file that was named", async () => {
    const file = join(directory, "key");
    writeFileSync(file, "cleo\n");
    expect(await run("mallory", "approvals", "deny", held, "--key-file", file)).toBe(`${held} is denied`);
  });
});

describe("signalbox exceptions", () => {
  it("grants, lists and revokes", async () => {
    expect(await run("olga", "exceptions", "list")).toBe("no active exceptions");
    const granted = await run("olga", "exceptions", "grant", "--agent", "triage-bot", "--server", "github", "--for", "2d", "--reason", evil);
    const id = /^(ex-\w+) is in force until /.exec(granted)![1]!;
    const table = await run("ben", "exceptions", "list");
    expect(table).toMatch(new RegExp(`${id} +active +agent triage-bot, server github +olga +exception +(2 d|1 d 23 h|1 d 24 h)`));
    expect(table).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(await run("ben", "exceptions", "revoke", id, "--reason", "done")).toBe(`${id} is revoked`);
    expect(await run("ben", "exceptions", "list", "--state", "all")).toContain("revoked");
  });

  it("breaks the glass for an hour with a reason", async () => {
    await expect(run("olga", "exceptions", "grant", "--agent", "olga", "--break-glass", "--reason", "because")).rejects.toThrow("at least 20 characters");
    await expect(run("olga", "exceptions", "grant", "--agent", "olga", "--server", "github", "--reason", "payments are down, INC-42")).rejects.toThrow("nobody grants themselves");
    expect(await run("olga", "exceptions", "grant", "--agent", "olga", "--break-glass", "--reason", "payments are down, INC-42")).toMatch(/in force until/);
    await expect(run("olga", "exceptions", "grant", "--agent", "x", "--server", "y", "--for", "soon", "--reason", "r")).rejects.toThrow("write it as 30m, 8h or 7d");
  });
});

describe("signalbox quarantine", () => {
  it("lists, shows safely, releases and takes back", async () => {
    const item = { agent: "triage-bot", principal: "ana", taskId: "", server: "tickets", tool: evil, requestDigest: "q", findings: ["instructions:0.97"], bytes: 9, resultDigest: "r" };
    const kept = await control.submit({ kind: "quarantine.hold", item }, caller);
    const id = (kept as any).result.quarantineId as string;
    expect(await run("ben", "quarantine", "list")).toContain(id);
    const shown = await run("ben", "quarantine", "show", id);
    expect(shown).toContain("  | line one wipe⟦U+001B⟧[2J⟦U+202E⟧⟦U+0007⟧<b>\n  | line two");
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(await run("olga", "quarantine", "release", id, "--comment", "harmless")).toBe(`${id} is released`);
    await expect(run("olga", "quarantine", "redact", id)).rejects.toThrow("released already");
    expect(await run("olga", "quarantine", "delete", id)).toBe(`${id} is deleted`);
    expect(await run("ben", "quarantine", "list")).toBe("no held results");
  });
});

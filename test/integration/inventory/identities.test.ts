import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { registerIdentities } from "../../../proxy/commands/identities.ts";
import type { IdentityLine } from "../../../proxy/identity/identities/identities.ts";
import { createKey } from "../../../proxy/identity/keys-file.ts";
import { commandContext } from "../../support/command-context.ts";
import { hour, insertCalls, startTestStore, type TestStore } from "../analytics/seed.ts";

const now = Date.UTC(2026, 10, 22, 12);
const day = 24 * hour;
const dir = mkdtempSync(join(tmpdir(), "signalbox-identities-"));
let store: TestStore;

const server = (name: string, more: object) => ({ name, version: "1", lifecycle: "approved", endpoint: { transport: "streamable-http", url: "https://upstream.example/mcp" }, ...more });
const key = (agent: string, days: number, more: object = {}) => ({ ...createKey({ agent, principal: agent, nowMs: now - days * day }).entry, ...more });
const keys = { old: key("release", 100, { servers: ["tickets", "boards"], tools: ["read"], taskClass: "release" }), young: key("triage", 5), gone: key("triage", 50, { revoked: true }), over: key("ops", 50, { expiresAt: new Date(now - day).toISOString() }) };

function write(storeUrl: string): void {
  mkdirSync(join(dir, "registry"), { recursive: true });
  mkdirSync(join(dir, "policies"), { recursive: true });
  writeFileSync(join(dir, "signalbox.yaml"), stringify({ store: { url: storeUrl }, proxy: { registry: "registry", policies: "policies", keys: "keys.yaml" } }));
  writeFileSync(join(dir, "keys.yaml"), stringify({ keys: Object.values(keys) }));
  const shared = { name: "tracker", rotatedAt: "2026-08-01", rotateEveryDays: 90, secret: "${env:TRACKER}" };
  const servers = [
    server("tickets", { credential: { ...shared, rotatedAt: "2026-11-01" } }),
    server("boards", { credential: shared }),
    server("wiki", { credential: { name: "wiki-client", oauth: { issuer: "https://login.example", clientId: "signalbox", clientSecret: "${env:WIKI}" } } }),
    server("files", {}),
  ];
  for (const one of servers) writeFileSync(join(dir, "registry", `${one.name}.yaml`), stringify(one));
}

beforeAll(async () => {
  store = await startTestStore();
  const call = (agent: string, at: string, credential: string, hoursAgo: number, more: object = {}) => ({ atMs: now - hoursAgo * hour, agent, server: at, tool: "read", columns: { credential_id: credential }, ...more });
  await insertCalls(store.store, [
    call("release", "tickets", keys.old.id, 5),
    call("release", "boards", keys.old.id, 3),
    call("release", "boards", keys.old.id, 2, { denied: true }),
    call("triage", "tickets", "at-0123456789abcdef", 4),
    call("helper", "tickets", "at-fedcba9876543210", 1),
    call("triage", "files", "tk-0123456789abcdef", 6),
    call("guest", "files", "(anonymous)", 7),
    call("build", "files", "x5-0123456789abcdef", 8),
    call("triage", "wiki", keys.young.id, 24 * 40),
  ]);
});
afterAll(async () => {
  await store.stop();
  rmSync(dir, { recursive: true });
});

async function run(...args: string[]): Promise<string> {
  const { context, lines } = commandContext(dir, now);
  const program = new Command("signalbox").exitOverride();
  registerIdentities(program, context);
  await program.parseAsync(["identities", ...args], { from: "user" });
  return lines.join("\n");
}

const listed = async (...args: string[]) => JSON.parse(await run("--json", ...args)) as { used: boolean; identities: IdentityLine[] };

test("says of each identity whose it is, how old, who used it and what is overdue, the overdue ones first", async () => {
  write(store.url);
  const { used, identities } = await listed();
  expect(used).toBe(true);
  expect(identities.map((i) => [i.kind, i.kind === "api_key" ? i.of[0] : i.name, i.state, i.ageDays, i.dueInDays, i.calls, i.agents.join()])).toEqual([
    // Of two servers, whose older date counts.
    ["upstream", "tracker", "overdue", 113, -23, 4, "helper,release,triage"],
    ["api_key", "release", "overdue", 100, -10, 2, "release"],
    ["upstream", "wiki-client", "undated", null, null, 0, ""],
    ["client_certificates", "client_certificates", "undated", null, null, 1, "build"],
    ["anonymous", "anonymous", "undated", null, null, 1, "guest"],
    ["api_key", "triage", "valid", 5, 85, 0, ""],
    ["access_tokens", "access_tokens", "short-lived", null, null, 2, "helper,triage"],
    ["task_tokens", "task_tokens", "short-lived", null, null, 1, "triage"],
    ["api_key", "ops", "expired", 50, null, 0, ""],
    ["api_key", "triage", "revoked", 50, null, 0, ""],
  ]);
  expect(identities[0]).toMatchObject({ of: ["boards", "tickets"], rotatedAt: "2026-08-01", rotateEveryDays: 90, lastUsedMs: now - hour });
  expect(identities.filter(({ kind }) => kind === "api_key").map(({ scope }) => scope)).toEqual([{ servers: ["tickets", "boards"], tools: ["read"], taskClasses: ["release"] }, {}, {}, {}]);
  expect((await listed("--days", "60")).identities.find((i) => i.name === "wiki-client")).toMatchObject({ calls: 1, agents: ["triage"] });
});

test("the table has the same, and no secret; without the store the ages are told all the same", async () => {
  write("http://127.0.0.1:9");
  const table = await run();
  expect(table).toMatch(/tracker +boards,tickets +- +2026-08-01 +113 d +90 d +overdue by 23 d +\?/);
  expect(table).toMatch(/release +servers tickets,boards; tools read; task classes release +2026-/);
  expect(table).toContain("The store did not answer");
  expect(table).not.toContain("sha256:");
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { storeConfigSchema } from "../../../collector/config.ts";
import { readMigrations } from "../../../collector/store/migrate.ts";
import { masked, parseHash, readHashes, tablesOf, usersStatements, type PasswordHash } from "../../../collector/store/users.ts";

const SHA = "5E884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
const BCRYPT = "$2a$12$rz5iy2LhuwBezsM88ZzWiemOVUeJ94xHTzwAlLMDhTzwUxOHaY64q";
const tables = tablesOf(await readMigrations(new URL("../../../collector/store/migrations/", import.meta.url)));
const config = storeConfigSchema.parse({ url: "http://127.0.0.1:8123", cluster: { name: "main" } });
const hashes = { writer: parseHash(SHA, "x"), analyst: parseHash(BCRYPT, "x") };
const statements = (options: { cluster?: boolean; tables?: readonly string[]; hashes?: Record<string, PasswordHash> } = {}): string[] =>
  usersStatements({
    accounts: config.accounts,
    hashes: options.hashes ?? hashes,
    limits: config.limits,
    database: "signalbox",
    cluster: options.cluster ? (config.cluster ?? null) : null,
    tables: options.tables ?? tables,
  });
const granted = (role: string, verb: string, all = statements()): string[] =>
  all.flatMap((one) => new RegExp(`^GRANT(?: ON CLUSTER main)? ${verb} ON signalbox\\.(\\w+) TO ${role}$`).exec(one)?.[1] ?? []);

describe("users and roles of a server", () => {
  it("are these on one server, and these on a cluster", async () => {
    await expect(`${statements().map(masked).join(";\n")};\n`).toMatchFileSnapshot("../../golden/store/users.sql");
    await expect(`${statements({ cluster: true }).map(masked).join(";\n")};\n`).toMatchFileSnapshot("../../golden/store/users-cluster.sql");
  });

  it("let who writes spans read no calls, and who reads calls write nothing", () => {
    expect(granted("signalbox_writer", "INSERT")).toContain("otel_traces");
    expect(granted("signalbox_writer", "SELECT")).toEqual(["schema_migrations", "retention_changes", "retention_horizons"]);
    expect(granted("signalbox_analyst", "SELECT")).toEqual(expect.arrayContaining(["calls", "otel_traces", "alerts_current"]));
    expect(statements().filter((one) => / TO signalbox_analyst$/.test(one) && /^GRANT (?!SELECT ON signalbox\.\w+ TO|signalbox_analyst TO)/.test(one))).toEqual([]);
    expect(granted("signalbox_analyst", "SELECT", statements({ cluster: true }))).toContain("calls_local");
    // Whoever could write there could make lost records look expired.
    expect(statements().filter((one) => /^GRANT INSERT ON signalbox\.retention_changes/.test(one))).toEqual([]);
  });

  it("give payloads to their own role alone, and only where there are any", () => {
    const payload_reader = parseHash(SHA, "x");
    const withoutPayloads = statements({ tables: tables.filter((table) => table !== "payloads"), hashes: { payload_reader } });
    expect(withoutPayloads.join()).not.toContain("payload_reader");
    expect(granted("signalbox_payload_reader", "SELECT")).toEqual(["payloads"]);
    expect(granted("signalbox_payload_reader", "SELECT", statements({ cluster: true }))).toEqual(["payloads", "payloads_local"]);
    expect(statements({ hashes: { payload_reader } })).toContain("GRANT signalbox_analyst, signalbox_payload_reader TO signalbox_payload_reader");
    for (const role of ["signalbox_analyst", "signalbox_backend"]) {
      expect(granted(role, "SELECT").filter((table) => table.startsWith("payload"))).toEqual([]);
      expect(granted(role, "SELECT", statements({ cluster: true })).filter((table) => table.startsWith("payload"))).toEqual([]);
      expect(granted(role, "SELECT")).toContain("dropped_payloads");
    }
    expect(granted("signalbox_writer", "INSERT")).toEqual(expect.arrayContaining(["payloads", "dropped_payloads"]));
  });

  it("make no user without a configured hash", () => {
    const users = (all: string[]) => all.filter((one) => /^CREATE USER/.test(one)).map(masked);
    expect(users(statements())).toEqual([
      "CREATE USER IF NOT EXISTS signalbox_writer IDENTIFIED WITH sha256_hash BY '<hidden>'",
      "CREATE USER IF NOT EXISTS signalbox_analyst IDENTIFIED WITH bcrypt_hash BY '<hidden>'",
    ]);
    expect(users(statements({ hashes: {} }))).toEqual([]);
    expect(statements().join()).toContain(`sha256_hash BY '${SHA.toLowerCase()}'`);
  });
});

describe("hashes of passwords", () => {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-hashes-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const accounts = (writer: object) => storeConfigSchema.parse({ accounts: { writer } }).accounts;

  it("come from a file beside the configuration or from the environment", async () => {
    writeFileSync(join(dir, "writer.hash"), `${BCRYPT}\n`);
    expect(await readHashes(accounts({ hashFile: "writer.hash" }), {}, dir)).toEqual({ writer: { method: "bcrypt_hash", hash: BCRYPT } });
    expect(await readHashes(accounts({ hashEnv: "WRITER_HASH" }), { WRITER_HASH: SHA }, dir)).toEqual({ writer: { method: "sha256_hash", hash: SHA.toLowerCase() } });
    expect(await readHashes(accounts({}), {}, dir)).toEqual({});
  });

  it("are refused without being shown", async () => {
    const failure = await readHashes(accounts({ hashEnv: "WRITER_HASH" }), { WRITER_HASH: "hunter2" }, dir).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "E_STORE_HASH", message: expect.stringMatching(/WRITER_HASH \(store\.accounts\.writer\)/) });
    expect(String((failure as Error).stack)).not.toContain("hunter2");
    await expect(readHashes(accounts({ hashFile: "none" }), {}, dir)).rejects.toMatchObject({ code: "E_STORE_HASH" });
    expect(storeConfigSchema.safeParse({ accounts: { writer: { hashEnv: "A", hashFile: "b" } } }).success).toBe(false);
    expect(storeConfigSchema.safeParse({ accounts: { writer: { user: "a'b" } } }).success).toBe(false);
  });
});

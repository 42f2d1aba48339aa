import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createKeyAuthenticator } from "../../../proxy/identity/key-authenticator.ts";
import { appendKey, createKey, loadKeys, revokeKey } from "../../../proxy/identity/keys-file.ts";
import { ensureSampleKeys } from "../../../proxy/sample/sample.ts";
import { annotatedFiles, asAnnotated, faultsOf } from "../registry/annotated.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/keys");
const now = Date.UTC(2026, 5, 1);
const scratch = () => mkdtempSync(join(tmpdir(), "signalbox-"));
const newKey = (over: Partial<Parameters<typeof createKey>[0]> = {}) => createKey({ agent: "build", principal: "ci", nowMs: now, ...over });

describe("a keys file is refused, with its place, for", () => {
  for (const { name, file, expected } of annotatedFiles(join(fixtures, "bad"), "refused")) {
    it(name, () => expect(asAnnotated(faultsOf(() => loadKeys(file)), expected)).toEqual(expected));
  }
  it("not being there", () => expect(faultsOf(() => loadKeys("/nowhere/keys.yaml"))[0]!.message).toBe("there is no keys file"));
});

describe("a keys file loads that has", () => {
  for (const { name, file } of annotatedFiles(join(fixtures, "good"), "refused")) it(name, () => expect(() => loadKeys(file)).not.toThrow());
});

describe("a new key", () => {
  it("has the form sbx_<id>_<43 characters>, and the file holds its hash and nothing of the key", async () => {
    const file = join(scratch(), "keys.yaml");
    const { key, entry } = newKey();
    await appendKey(file, entry);
    expect(key).toMatch(new RegExp(`^sbx_${entry.id}_[A-Za-z0-9_-]{43}$`));
    expect(readFileSync(file, "utf8")).not.toContain(key.slice(-43));
    expect(loadKeys(file)).toEqual([entry]);
  });

  it("is written so that only its owner reads it, and into a folder that need not be there", async () => {
    const file = join(scratch(), "made", "keys.yaml");
    await appendKey(file, newKey().entry);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("leaves comments and other keys as they were", async () => {
    const file = join(scratch(), "keys.yaml");
    await appendKey(file, newKey().entry);
    writeFileSync(file, readFileSync(file, "utf8").replace("keys:", "# ours, ask ops\nkeys:"));
    await appendKey(file, newKey({ agent: "release" }).entry);
    expect(readFileSync(file, "utf8")).toContain("# ours, ask ops");
    expect(loadKeys(file).map((k) => k.agent)).toEqual(["build", "release"]);
  });

  it("is not added to a file that has faults", async () => {
    const file = join(scratch(), "keys.yaml");
    writeFileSync(file, "keys: [{ id: x }]\n");
    await expect(appendKey(file, newKey().entry)).rejects.toThrow("missing");
    expect(readFileSync(file, "utf8")).toBe("keys: [{ id: x }]\n");
  });

  it("is not lost when another is added at the same time", async () => {
    const file = join(scratch(), "keys.yaml");
    await Promise.all(["a", "b", "c"].map((agent) => appendKey(file, newKey({ agent }).entry)));
    expect(loadKeys(file).map((k) => k.agent).sort()).toEqual(["a", "b", "c"]);
  });

  it("is for calling alone unless it says otherwise, and the file says so only then", async () => {
    const file = join(scratch(), "keys.yaml");
    await appendKey(file, newKey().entry);
    expect(readFileSync(file, "utf8")).not.toContain("roles");
    await appendKey(file, newKey({ roles: ["approver"] }).entry);
    expect(loadKeys(file).map((k) => k.roles)).toEqual([["agent"], ["approver"]]);
  });

  it("that is revoked stays in the file, with everything around it", async () => {
    const file = join(scratch(), "keys.yaml");
    const entries = [newKey().entry, newKey().entry];
    for (const entry of entries) await appendKey(file, entry);
    writeFileSync(file, readFileSync(file, "utf8").replace("keys:", "# ours, ask ops\nkeys:"));
    await revokeKey(file, entries[0]!.id);
    expect(loadKeys(file)).toEqual([{ ...entries[0]!, revoked: true }, entries[1]]);
    expect(readFileSync(file, "utf8")).toContain("# ours, ask ops");
  });

  it("is not made for a name that cannot be", () => {
    expect(() => newKey({ agent: "two words" })).toThrow("no key was made: agent is not valid");
  });
});

describe("a caller with", () => {
  const valid = newKey({ taskClass: "build" });
  const plain = newKey();
  const expiring = newKey({ ttlDays: 1 });
  const revoked = newKey();
  const scoped = newKey();
  const entries = [valid.entry, plain.entry, expiring.entry, { ...revoked.entry, revoked: true }, { ...scoped.entry, servers: ["files"] }];
  const authenticator = createKeyAuthenticator(entries, { defaultTaskClass: "unassigned" });
  const day = 86_400_000;
  const stranger = newKey().key;

  const table: [string, string | undefined, string | undefined, number, string][] = [
    ["a Bearer token is known", `Bearer ${valid.key}`, undefined, now, valid.entry.id],
    ["a scheme in other letters is known", `bEARER  ${valid.key}`, undefined, now, valid.entry.id],
    ["an X-API-Key is known", undefined, valid.key, now, valid.entry.id],
    ["another key of the same agent is known", undefined, plain.key, now, plain.entry.id],
    ["both headers is known by Authorization", `Bearer ${valid.key}`, plain.key, now, valid.entry.id],
    ["a wrong Authorization is not saved by an X-API-Key", "Bearer nonsense", plain.key, now, "unknown"],
    ["no credential is missing one", undefined, undefined, now, "missing"],
    ["empty headers is missing one", "", "", now, "missing"],
    ["a key that nobody made is unknown", `Bearer ${stranger}`, undefined, now, "unknown"],
    ["a key with one letter changed is unknown", `Bearer ${valid.key.slice(0, -1)}${valid.key.endsWith("A") ? "B" : "A"}`, undefined, now, "unknown"],
    ["the hash from the file is unknown", `Bearer ${valid.entry.hash}`, undefined, now, "unknown"],
    ["a key without its scheme is unknown", valid.key, undefined, now, "unknown"],
    ["another scheme is unknown", `Basic ${valid.key}`, undefined, now, "unknown"],
    ["a token and something after it is unknown", `Bearer ${valid.key} x`, undefined, now, "unknown"],
    ["a header of a megabyte is unknown", `Bearer ${"a".repeat(1_000_000)}`, undefined, now, "unknown"],
    ["a key before it expires is known", undefined, expiring.key, now + day - 1, expiring.entry.id],
    ["a key when it expires has expired", undefined, expiring.key, now + day, "expired"],
    ["a revoked key is told so", undefined, revoked.key, now, "revoked"],
  ];
  it.each(table)("%s", (_name, authorization, apiKey, at, expected) => {
    const answer = authenticator.authenticate(authorization, apiKey, at);
    expect(answer.ok ? answer.identity.credentialId : answer.why).toBe(expected);
  });

  it("a key opens tasks of its own class alone, of those that it names, or of any where it has none", () => {
    const of = (over: object) => {
      const { key, entry } = newKey();
      const answer = createKeyAuthenticator([{ ...entry, ...over }], { defaultTaskClass: "unassigned" }).authenticate(undefined, key, now);
      return answer.ok ? answer.identity.taskClasses : "refused";
    };
    expect([of({}), of({ taskClass: "build" }), of({ taskClass: "build", taskClasses: ["build", "release"] })]).toEqual([undefined, ["build"], ["build", "release"]]);
  });

  const identityOf = (key: string) => {
    const answer = authenticator.authenticate(undefined, key, now);
    return answer.ok ? answer.identity : undefined;
  };
  it("a key that names a task class has it, and one that names none has the default", () => {
    expect(identityOf(valid.key)!.taskClass).toBe("build");
    expect(identityOf(plain.key)!.taskClass).toBe("unassigned");
  });
  it("a scoped key carries its scope, and another none", () => {
    expect(identityOf(scoped.key)!.servers).toEqual(["files"]);
    expect(identityOf(plain.key)!.servers).toBeUndefined();
  });

  it("no credential is the anonymous agent only where the configuration names one", () => {
    const open = createKeyAuthenticator([], { defaultTaskClass: "unassigned", anonymousAgent: "guest" });
    expect(open.authenticate(undefined, undefined, now)).toMatchObject({ ok: true, identity: { agent: "guest", credentialId: "(anonymous)" } });
    expect(open.authenticate(`Bearer ${stranger}`, undefined, now)).toEqual({ ok: false, why: "unknown" });
  });
});

describe("the sample's keys", () => {
  it("are made once, one for each agent, beside a sandbox folder", async () => {
    const dataDir = scratch();
    const first = await ensureSampleKeys(dataDir, now);
    expect(first.created.map((c) => c.agent)).toEqual(["research-agent", "triage-agent", "release-agent"]);
    expect(await ensureSampleKeys(dataDir, now)).toEqual({ keysFile: first.keysFile, created: [] });
    expect(existsSync(join(dataDir, "sandbox", "welcome.md"))).toBe(true);
    const authenticator = createKeyAuthenticator(loadKeys(first.keysFile), { defaultTaskClass: "unassigned" });
    for (const { agent, key } of first.created) {
      expect(authenticator.authenticate(`Bearer ${key}`, undefined, now)).toMatchObject({ ok: true, identity: { agent } });
    }
    const operatorKey = join(dataDir, "operator.key");
    expect(statSync(operatorKey).mode & 0o777).toBe(0o600);
    const answer = authenticator.authenticate(`Bearer ${readFileSync(operatorKey, "utf8").trim()}`, undefined, now);
    expect(answer).toMatchObject({ ok: true, identity: { principal: "operator", roles: ["operator", "approver"] } });
  });
});

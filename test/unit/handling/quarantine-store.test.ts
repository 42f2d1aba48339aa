import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openQuarantineStore, quarantineDir, quarantineKey } from "../../../proxy/handling/quarantine-store.ts";

let dataDir: string;
beforeEach(() => void (dataDir = mkdtempSync(join(tmpdir(), "signalbox-quarantine-"))));
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const open = (limits: { maxItems?: number; maxBytes?: number } = {}) => openQuarantineStore({ dir: quarantineDir(dataDir), key: quarantineKey(dataDir), ...limits });
const files = () => readdirSync(quarantineDir(dataDir));
const bytes = Buffer.from("what nobody else may read");

async function keep(id: string, expiresMs = 1000, store = open()): Promise<void> {
  await (await store.stage(bytes, expiresMs)).commit(id);
}

test("what is kept is read again, by another process with the same key, until it expires", async () => {
  await keep("q-1");
  expect(await open().read("q-1", 999)).toEqual(bytes);
  expect(await open().read("q-1", 1000)).toBeNull();
  expect(await open().read("q-2", 0)).toBeNull();
});

test("on disk it is neither readable nor anybody else's", async () => {
  await keep("q-1");
  const path = join(quarantineDir(dataDir), "q-1");
  expect(readFileSync(path).includes(bytes)).toBe(false);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(quarantineDir(dataDir)).mode & 0o777).toBe(0o700);
  expect(statSync(join(dataDir, "quarantine.key")).mode & 0o777).toBe(0o600);
});

test("a file that was changed, its expiry included, is not read", async () => {
  await keep("q-1");
  const path = join(quarantineDir(dataDir), "q-1");
  const whole = readFileSync(path);
  for (const at of [0, 3, 8, 12, 30, whole.length - 1]) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    writeFileSync(path, changed);
    expect(await open().read("q-1", 0), `byte ${at}`).toBeNull();
  }
});

test("the key is made once, and one of another length is refused", () => {
  expect(quarantineKey(dataDir)).toEqual(quarantineKey(dataDir));
  expect(readdirSync(dataDir)).toEqual(["quarantine.key"]);
  writeFileSync(join(dataDir, "quarantine.key"), "short");
  expect(() => quarantineKey(dataDir)).toThrow(/does not hold 32 bytes/);
});

test("what is removed or discarded is gone, and may be removed again", async () => {
  await keep("q-1");
  await open().remove("q-1");
  await open().remove("q-1");
  await (await open().stage(bytes, 1000)).discard();
  expect(files()).toEqual([]);
});

test("more than there is room for is refused", async () => {
  await keep("q-1", 1000, open({ maxItems: 1 }));
  await expect(open({ maxItems: 1 }).stage(bytes, 1000)).rejects.toMatchObject({ code: "E_QUARANTINE_FULL" });
  await expect(open({ maxBytes: 80 }).stage(bytes, 1000)).rejects.toMatchObject({ code: "E_QUARANTINE_FULL" });
});

test("a sweep takes what has expired and what was left behind half done", async () => {
  await keep("q-1", 1000);
  await keep("q-2", 3000);
  await open().stage(bytes, 3000);
  const staged = files().find((name) => name.endsWith(".new"))!;
  expect(await open().sweep(2000)).toBe(1);
  expect(files().sort()).toEqual([staged, "q-2"].sort());
  utimesSync(join(quarantineDir(dataDir), staged), 0, 0);
  expect(await open().sweep(700_000)).toBe(2);
  expect(files()).toEqual([]);
});

test("an id that leads out of the folder is refused", async () => {
  for (const id of ["../digest.key", "", "a/b", ".hidden"]) await expect(async () => open().read(id, 0)).rejects.toMatchObject({ code: "E_QUARANTINE_ID" });
});

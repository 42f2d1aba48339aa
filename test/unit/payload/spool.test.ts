import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeDisk, type Disk } from "../../../collector/audit/disk.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { DropRow } from "../../../collector/payload/drops.ts";
import { sealLeft } from "../../../collector/payload/files.ts";
import type { PayloadRow } from "../../../collector/payload/payload.ts";
import { openPayloadSpool, type PayloadSpool, type PayloadSpoolOptions } from "../../../collector/payload/spool.ts";
import { said } from "./said.ts";

let root: string;
let dir: string;
let spool: PayloadSpool;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "signalbox-payload-spool-"));
  dir = join(root, "worker-0");
});
afterEach(async () => {
  await spool?.stop();
  rmSync(root, { recursive: true, force: true });
});

const open = async (options: Partial<PayloadSpoolOptions> = {}): Promise<PayloadSpool> =>
  (spool = await openPayloadSpool({ dir, producer: "px-1", key: null, clock: manualClock(1000), logger: silentLogger, spoolMaxBytes: 1e6, minFreeBytes: 0, flushMs: 3_600_000, ...options }));
const files = (): string[] => (existsSync(dir) ? readdirSync(dir).sort() : []);
const rowsIn = <T>(ending: RegExp): T[] => files().filter((name) => ending.test(name)).flatMap((name) => readFileSync(join(dir, name), "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line) as T));
const bodies = (): string[] => rowsIn<PayloadRow>(/^payloads.*\.ndjson$/).map((row) => row.body);
const drops = (): [string, number][] => rowsIn<DropRow>(/^dropped.*\.ndjson$/).map((row) => [row.reason, row.payloads]);

test("nothing is made on disk before there is a payload", async () => {
  await open();
  await spool.flush();
  await spool.stop();
  expect(existsSync(dir)).toBe(false);
});

test("payloads become a batch, and wait in one file while the batch before them is there", async () => {
  await open();
  spool.keep(said("one"));
  await spool.flush();
  expect(files()).toEqual([expect.stringMatching(/^payloads\.\d{15}-1-px-1\.ndjson$/)]);
  spool.keep(said("two"));
  await spool.flush();
  spool.keep(said("three"));
  await spool.flush();
  expect(files()).toEqual([expect.stringMatching(/-1-px-1\.ndjson$/), expect.stringMatching(/-2-px-1\.open$/)]);
  rmSync(join(dir, files()[0]!));
  await spool.flush();
  expect(bodies()).toEqual(["two", "three"]);
});

test("what a stop finds is made a batch", async () => {
  await open();
  spool.keep(said("one"));
  await spool.flush();
  spool.keep(said("two"));
  await spool.stop();
  expect(bodies()).toEqual(["one", "two"]);
  spool.keep(said("late"));
  await spool.stop();
  expect(bodies()).toEqual(["one", "two"]);
});

test("beyond the memory, the spool's room and the disk's reserve payloads are dropped and counted", async () => {
  await open({ maxQueueBytes: 2000, spoolMaxBytes: 2000 });
  spool.keep(said("a".repeat(900)));
  spool.keep(said("b".repeat(900)));
  spool.keep(said("c"));
  await spool.flush();
  expect(bodies()).toEqual(["a".repeat(900), "c"]);
  expect(drops()).toEqual([["queue_full", 1]]);
  spool.keep(said("d"));
  spool.keep(said("e".repeat(900)));
  await spool.stop();
  expect(bodies()).toEqual(["a".repeat(900), "c", "d"]);
  expect(drops()).toEqual([["queue_full", 1], ["no_room", 1]]);
});

test("while the audit log needs the disk, nothing is written to it", async () => {
  let free = 99;
  await open({ minFreeBytes: 10_000, freeBytes: () => Promise.resolve(free) });
  spool.keep(said("one"));
  await spool.flush();
  expect([bodies(), drops()]).toEqual([[], [["no_room", 1]]]);
  free = 1e9;
  spool.keep(said("two"));
  await spool.flush();
  expect(bodies()).toEqual(["two"]);
});

test("a disk that fails costs its payloads alone, and leaves no half line", async () => {
  let failing = false;
  const disk: Disk = {
    async openAppend(path) {
      const file = await nodeDisk.openAppend(path);
      return {
        write: async (bytes) => {
          await file.write(failing ? bytes.subarray(0, 10) : bytes);
          if (failing) throw new Error("no space left");
        },
        sync: () => file.sync(),
        truncate: (length) => file.truncate(length),
        close: () => file.close(),
      };
    },
  };
  await open({ disk });
  spool.keep(said("first"));
  await spool.flush();
  spool.keep(said("one"));
  await spool.flush();
  failing = true;
  spool.keep(said("two"));
  await spool.flush();
  failing = false;
  spool.keep(said("three"));
  await spool.stop();
  expect(bodies()).toEqual(["first", "one", "three"]);
  expect(drops()).toEqual([["disk_failed", 1]]);
});

test("counts that are not written yet grow, and those of calls without a record are among them", async () => {
  const clock = manualClock(Date.UTC(2026, 0, 1));
  await open({ clock });
  spool.drop("no_record", 2);
  await spool.flush();
  spool.drop("no_record");
  clock.advanceMs(5000);
  spool.drop("no_record");
  await spool.flush();
  expect(drops()).toEqual([["no_record", 2]]);
  await spool.stop();
  expect(rowsIn<DropRow>(/^dropped/)).toEqual([
    expect.objectContaining({ producer: "px-1", reason: "no_record", payloads: 2 }),
    expect.objectContaining({ payloads: 2, first_at: "2026-01-01T00:00:00.000Z", last_at: "2026-01-01T00:00:05.000Z" }),
  ]);
});

test("what a worker that died left open is taken over without the line that it did not finish", async () => {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "payloads.000000000000500-1-px-1.open"), `${JSON.stringify({ body: "whole" })}\n`);
  appendFileSync(join(dir, "payloads.000000000000500-1-px-1.open"), '{"body":"hal');
  writeFileSync(join(dir, "payloads.000000000000500-2-px-1.open"), '{"body":"ha');
  await open();
  expect(bodies()).toEqual(["whole"]);
  expect(files()).toEqual(["payloads.000000000000500-1-px-1.ndjson"]);
  await sealLeft(join(root, "worker-9"));
});

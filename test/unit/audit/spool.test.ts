import { existsSync } from "node:fs";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { breakBetween } from "../../../collector/audit/chain.ts";
import { lastLeaf } from "../../../collector/audit/checkpoint/leaves.ts";
import { listSegments, segmentName } from "../../../collector/audit/layout.ts";
import { manualClock, shiftedClock } from "../../../collector/kernel/clock.ts";
import { openSpoolReader } from "../../../collector/audit/reader.ts";
import { Findings } from "../../../collector/audit/verify-report.ts";
import { verifySpool } from "../../../collector/audit/verify-spool.ts";
import { GENESIS_HASH, recordHash } from "../../../collector/record/canonical.ts";
import { callRecordSchema } from "../../../collector/record/call-record.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "./drafts.ts";
import { editFile, forgetHashes, loggerTo, recordsIn, spoolIn, START_MS, tempDir, testDisk } from "./spools.ts";

describe("a spool's chain", () => {
  test("numbers records in call order and chains each to the one before", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    const appended = [1, 2, 3].map((n) => spool.append(draft(n)));
    expect(appended.map((a) => a.seq)).toEqual([1, 2, 3]);
    await Promise.all(appended.map((a) => a.durable));

    const records = await recordsIn(dir);
    let head = { seq: 0, hash: GENESIS_HASH };
    for (const record of records) {
      expect(callRecordSchema.parse(record)).toEqual(record);
      expect(breakBetween(head, record, recordHash(record))).toBeNull();
      expect(record.producer).toBe(spool.producer);
      head = { seq: record.seq, hash: record.hash };
    }
    expect(records).toHaveLength(3);
    expect(spool.producer).toMatch(/^px-[0-9a-f]{8}$/);
  });

  test("goes on after a restart, with the same producer", async () => {
    const dir = await tempDir();
    const first = await spoolIn(dir);
    await first.append(draft(1)).durable;
    await first.stop();
    const second = await spoolIn(dir, { producerPrefix: "other" });
    await second.append(draft(2)).durable;

    const [one, two] = await recordsIn(dir);
    expect(second.producer).toBe(first.producer);
    expect(two).toMatchObject({ seq: 2, prevHash: one?.hash });
  });

  test("goes on after a restart when every segment was delivered and deleted", async () => {
    const dir = await tempDir();
    const clock = manualClock(START_MS);
    const first = await spoolIn(dir, { clock, segmentMs: 10 });
    await first.append(draft(1)).durable;
    const [one] = await recordsIn(dir);
    await first.stop();

    const second = await spoolIn(dir, { clock, segmentMs: 10 });
    await second.delivery.acknowledge({ seq: 1, hash: one?.hash ?? "" }, 100);
    expect(await listSegments(dir)).toEqual([]);
    await second.stop();

    const third = await spoolIn(dir);
    expect(third.append(draft(2)).seq).toBe(2);
    await third.flush();
    expect(await recordsIn(dir)).toMatchObject([{ seq: 2, prevHash: one?.hash }]);
  });

  test("replaces half of a surrogate pair, which no store could keep, before it hashes", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    await spool.append(draft(1, { tool: "a\ud800b", policyIds: ["p\udc00"] })).durable;
    const [record] = await recordsIn(dir);
    expect(record).toMatchObject({ tool: "a\ufffdb", policyIds: ["p\ufffd"] });
    expect(record && recordHash(record)).toBe(record?.hash);
  });

  test("refuses a number that would not read back, and numbers the next record as if it had not been there", async () => {
    const spool = await spoolIn(await tempDir());
    expect(() => spool.append(draft(1, { proxyUs: 1.5 }))).toThrow(expect.objectContaining({ code: "E_AUDIT_RECORD" }));
    expect(spool.append(draft(2)).seq).toBe(1);
  });
});

describe("group commit", () => {
  test("writes what comes together in one commit, and what arrives meanwhile in the next commit", async () => {
    const disk = testDisk();
    const held = Promise.withResolvers<void>();
    disk.hold = held.promise;
    const spool = await spoolIn(await tempDir(), { disk });
    const settled: number[] = [];
    const add = (n: number) => spool.append(draft(n)).durable.then(() => settled.push(n));
    const first = [add(1), add(2), add(3)];
    await waitFor("the first commit", () => disk.begun === 1);
    const later = [add(4), add(5)];
    expect(settled).toEqual([]);
    held.resolve();
    await Promise.all([...first, ...later]);
    expect(settled).toEqual([1, 2, 3, 4, 5]);
    expect(disk.commits).toBe(2);
  });

  test("does not say durable before the disk does", async () => {
    const disk = testDisk();
    const held = Promise.withResolvers<void>();
    disk.hold = held.promise;
    const spool = await spoolIn(await tempDir(), { disk });
    const { durable } = spool.append(draft(1));
    await waitFor("the commit", () => disk.begun === 1);
    expect(spool.stats).toMatchObject({ headSeq: 1, durableSeq: 0 });
    held.resolve();
    await durable;
    expect(spool.stats).toMatchObject({ headSeq: 1, durableSeq: 1 });
  });
});

describe("segments", () => {
  test("are begun anew by size and by age, named by their first record", async () => {
    const dir = await tempDir();
    const clock = manualClock(START_MS);
    const spool = await spoolIn(dir, { clock, segmentBytes: 3000, segmentMs: 10_000 });
    for (const n of [1, 2, 3]) await spool.append(draft(n)).durable;
    clock.advanceMs(10_000);
    await spool.append(draft(4)).durable;
    expect((await listSegments(dir)).map((s) => s.firstSeq)).toEqual([1, 3, 4]);
    expect(await readdir(dir)).toContain(segmentName(4));
  });

  test("grow old by the time that passes, whatever the wall clock is set to", async () => {
    const dir = await tempDir();
    const passing = manualClock(START_MS);
    let offsetMs = 0;
    const spool = await spoolIn(dir, { clock: shiftedClock(passing, () => offsetMs), segmentMs: 10_000 });
    await spool.append(draft(1)).durable;
    offsetMs = 3_600_000;
    await spool.append(draft(2)).durable;
    offsetMs = -3_600_000;
    passing.advanceMs(10_000);
    await spool.append(draft(3)).durable;
    expect((await listSegments(dir)).map((s) => s.firstSeq)).toEqual([1, 3]);
  });

  test("are deleted when they are acknowledged and sealed, and only then", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir, { segmentBytes: 1 });
    for (const n of [1, 2, 3]) await spool.append(draft(n)).durable;
    const records = await recordsIn(dir);
    await spool.delivery.acknowledge({ seq: 3, hash: records[2]?.hash ?? "" }, spool.stats.pendingBytes);
    expect((await listSegments(dir)).map((s) => s.firstSeq)).toEqual([3]);
    expect(spool.stats.pendingBytes).toBe(0);
  });

  test("hold lines that cut and jq can read", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    await spool.append(draft(1)).durable;
    const written = async () => readFile(join(dir, segmentName(1)), "utf8");
    const text = (await written()).replace(/\0+$/, "");
    expect(text).toMatch(/^[0-9a-f]{8} \{.*\}\n$/);
    expect(JSON.parse(text.slice(9))).toMatchObject({ seq: 1 });
    await spool.stop();
    expect(await written()).toBe(text);
  });

  test("have room made ahead for what comes next, and take the space of nothing else", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    const path = join(dir, segmentName(1));
    for (let n = 1; n <= 2000; n++) {
      const { durable } = spool.append(draft(n));
      if (n % 50 === 0) await durable;
    }
    await spool.flush();
    const lines = (await recordsIn(dir)).length;
    expect(lines).toBe(2000);
    const live = await readFile(path);
    await spool.stop();
    const sealed = await readFile(path);
    expect(live.length).toBeGreaterThanOrEqual(sealed.length);
    expect(sealed.includes(0)).toBe(false);
    expect(live.subarray(0, sealed.length).equals(sealed)).toBe(true);
  });
});

describe("opening a spool that was not closed", () => {
  test("cuts an incomplete last line and gives its number to the next record", async () => {
    const dir = await tempDir();
    const first = await spoolIn(dir);
    await Promise.all([first.append(draft(1)).durable, first.append(draft(2)).durable]);
    await first.stop();
    await forgetHashes(dir);
    await editFile(join(dir, segmentName(1)), (text) => text.slice(0, -20));

    const second = await spoolIn(dir);
    expect(second.append(draft(3)).seq).toBe(2);
    await second.flush();
    expect((await recordsIn(dir)).map((r) => r.spanId)).toEqual([draft(1).spanId, draft(3).spanId]);
  });

  test.each([
    ["reserved space behind the last line", (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(5000)]), 2],
    ["a line that reached the disk in part, in the middle of reserved space", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -40), Buffer.alloc(5000)]), 1],
    ["a line whose middle never reached the disk, though its end did", (bytes: Buffer) => Buffer.concat([Buffer.from(bytes).fill(0, bytes.length - 300, bytes.length - 200), Buffer.alloc(5000)]), 1],
    ["only the end of what was written last", (bytes: Buffer) => Buffer.from(bytes).fill(0, bytes.indexOf(10) + 1, bytes.length - 200), 1],
  ])("cuts %s", async (_, crash, kept) => {
    const dir = await tempDir();
    const first = await spoolIn(dir);
    for (const n of [1, 2]) await first.append(draft(n)).durable;
    await first.stop();
    const path = join(dir, segmentName(1));
    await writeFile(path, crash(await readFile(path)));
    await forgetHashes(dir);
    const second = await spoolIn(dir);
    expect(second.append(draft(3)).seq).toBe(kept + 1);
    await second.flush();
    expect((await recordsIn(dir)).map((r) => r.seq)).toEqual(Array.from({ length: kept + 1 }, (_, i) => i + 1));
  });

  test("is refused when records are gone whose hashes are kept, and named by `audit verify`", async () => {
    const dir = await tempDir();
    const first = await spoolIn(dir);
    for (const n of [1, 2, 3]) await first.append(draft(n)).durable;
    await first.stop();
    const whole = await readFile(join(dir, segmentName(1)), "utf8");
    await editFile(join(dir, segmentName(1)), (text) => text.slice(0, text.indexOf("\n") + 100));
    await expect(spoolIn(dir)).rejects.toMatchObject({ code: "E_AUDIT_CORRUPT", message: expect.stringContaining(`${first.producer}-2 to ${first.producer}-3 are missing`) });

    const findings = new Findings(10);
    await verifySpool(await openSpoolReader(dir), findings, new Set());
    expect(findings.failures).toEqual([{ check: "spool", record: `${first.producer}-2`, what: expect.stringContaining(`${first.producer}-3 are missing`) }]);

    await writeFile(join(dir, segmentName(1)), whole);
    expect((await spoolIn(dir)).append(draft(4)).seq).toBe(4);
  });

  test("names the record of a complete line whose checksum does not match", async () => {
    const dir = await tempDir();
    const first = await spoolIn(dir);
    for (const n of [1, 2, 3]) await first.append(draft(n)).durable;
    await first.stop();
    await editFile(join(dir, segmentName(1)), (text) => text.replace('"rpcId":"2"', '"rpcId":"9"'));
    await expect(spoolIn(dir)).rejects.toMatchObject({ code: "E_AUDIT_CORRUPT", message: expect.stringContaining(`${first.producer}-2:`) });
  });

  test("refuses when records are missing between segments, or before the first", async () => {
    const dir = await tempDir();
    const first = await spoolIn(dir, { segmentBytes: 1 });
    for (const n of [1, 2, 3]) await first.append(draft(n)).durable;
    await first.stop();
    await rename(join(dir, segmentName(2)), join(dir, "aside"));
    await expect(spoolIn(dir)).rejects.toMatchObject({ code: "E_AUDIT_CORRUPT", message: expect.stringContaining(`${first.producer}-2`) });
    await rename(join(dir, "aside"), join(dir, segmentName(2)));
    await rename(join(dir, segmentName(1)), join(dir, "aside"));
    await expect(spoolIn(dir)).rejects.toMatchObject({ message: expect.stringContaining(`${first.producer}-1 is missing`) });
  });
});

describe("the lock", () => {
  test("keeps a second owner out until the first has stopped", async () => {
    const dir = await tempDir();
    const first = await spoolIn(dir);
    await expect(spoolIn(dir)).rejects.toMatchObject({ code: "E_AUDIT_LOCKED" });
    await first.stop();
    await first.stop();
    await spoolIn(dir);
  });

  test("keeps out while another process lives, and is taken over from one that is gone", async () => {
    const dir = await tempDir();
    await writeFile(join(dir, "lock"), `${process.ppid} -`);
    await expect(spoolIn(dir)).rejects.toMatchObject({ code: "E_AUDIT_LOCKED" });
    await writeFile(join(dir, "lock"), "4194304 1");
    await spoolIn(dir);
    expect(await readdir(dir)).not.toContain(`lock.${process.pid}`);
  });
});

describe("a spool that can't keep records", () => {
  test("says so before it is full, keeps room for calls in flight, refuses beyond, and recovers by acknowledgement", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir, { maxBytes: 16_000 });
    let n = 0;
    while (spool.available) await spool.append(draft(++n)).durable;
    expect(() => spool.append(draft(++n))).not.toThrow();
    expect(() => {
      for (;;) spool.append(draft(++n));
    }).toThrow(expect.objectContaining({ code: "E_AUDIT_UNAVAILABLE" }));
    await expect(spool.intend(draft(++n))).rejects.toMatchObject({ code: "E_AUDIT_UNAVAILABLE" });

    await spool.flush();
    const last = (await recordsIn(dir)).at(-1);
    await spool.delivery.acknowledge({ seq: last?.seq ?? 0, hash: last?.hash ?? "" }, spool.stats.pendingBytes);
    expect(spool.available).toBe(true);
    expect(spool.append(draft(++n)).seq).toBe((last?.seq ?? 0) + 1);
  });

  test.each([
    ["a write that stops half-way", (disk: ReturnType<typeof testDisk>) => void (disk.failWrites = { afterBytes: 700 })],
    ["a write that fails with whole lines on disk", (disk: ReturnType<typeof testDisk>) => void (disk.failWrites = { afterBytes: 1e6 })],
    ["a sync that fails", (disk: ReturnType<typeof testDisk>) => void (disk.failSyncs = true)],
  ])("after %s it refuses, comes back by itself, and the chain is whole", async (_name, breakDisk) => {
    const dir = await tempDir();
    const disk = testDisk();
    const spool = await spoolIn(dir, { disk });
    await spool.append(draft(1)).durable;
    breakDisk(disk);
    await expect(spool.append(draft(2)).durable).rejects.toThrow();
    expect(spool.available).toBe(false);
    expect(() => spool.append(draft(3))).toThrow(expect.objectContaining({ code: "E_AUDIT_UNAVAILABLE" }));
    disk.failWrites = null;
    disk.failSyncs = false;
    await waitFor("the spool to recover", () => spool.available, { everyMs: 2 });
    await spool.append(draft(4)).durable;

    const records = await recordsIn(dir);
    expect(records.map((r) => r.spanId)).toEqual([1, 2, 4].map((n) => draft(n).spanId));
    expect(records.map((r) => r.prevHash)).toEqual([GENESIS_HASH, records[0]?.hash, records[1]?.hash]);
    await spool.stop();
    await spoolIn(dir);
  });

  test("because what was delivered fills its disk, it deletes that and writes the records that wait", async () => {
    const dir = await tempDir();
    const disk = testDisk();
    const spool = await spoolIn(dir, { disk, leavesMs: 1 });
    await spool.append(draft(1)).durable;
    await waitFor("its hash to be kept", async () => (await lastLeaf(dir))?.seq === 1, { everyMs: 2 });
    const [record] = await recordsIn(dir);
    Object.defineProperty(disk, "failWrites", { get: () => (existsSync(join(dir, segmentName(1))) ? { afterBytes: 100 } : null) });
    await expect(spool.append(draft(2)).durable).rejects.toThrow("no space left");
    expect(spool.available).toBe(false);
    await spool.delivery.acknowledge({ seq: 1, hash: record?.hash ?? "" }, 1000);
    await waitFor("the spool to recover", () => spool.available, { everyMs: 2 });
    expect((await recordsIn(dir)).map(({ seq, prevHash }) => ({ seq, prevHash }))).toEqual([{ seq: 2, prevHash: record?.hash }]);
  });

  test("it says so when it fails and at the retries 1, 2, 4 and so on, and when it can again", async () => {
    const disk = testDisk();
    const said: string[] = [];
    const say = (context: object, message: string): void => {
      said.push("failures" in context ? `${message} (${context.failures})` : message);
      if (said.length === 4) disk.failWrites = null;
    };
    const spool = await spoolIn(await tempDir(), { disk, retryMs: 1, logger: loggerTo(say) });
    disk.failWrites = { afterBytes: 0 };
    await expect(spool.append(draft(1)).durable).rejects.toThrow();
    await waitFor("the spool to recover", () => spool.available, { everyMs: 2 });
    const still = "the audit spool still cannot be written to; calls are refused until it can";
    expect(said).toEqual([
      "the audit spool cannot be written to; calls are refused until it can",
      ...[1, 2, 4].map((failures) => `${still} (${failures})`),
      "the audit spool can be written to again",
    ]);
  });

  test("closed, it refuses", async () => {
    const spool = await spoolIn(await tempDir());
    await spool.stop();
    expect(spool.available).toBe(false);
    expect(() => spool.append(draft(1))).toThrow(expect.objectContaining({ code: "E_AUDIT_UNAVAILABLE" }));
  });
});

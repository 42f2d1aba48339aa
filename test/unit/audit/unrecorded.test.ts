import { cp, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UNRECORDED_FILE } from "../../../collector/audit/layout.ts";
import { openSpoolReader } from "../../../collector/audit/reader.ts";
import { SlotFile } from "../../../collector/audit/slot-file.ts";
import { readUnrecorded } from "../../../collector/audit/unrecorded.ts";
import { verifySpool } from "../../../collector/audit/verify-spool.ts";
import { Findings } from "../../../collector/audit/verify-report.ts";
import { callRecordSchema } from "../../../collector/record/call-record.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "./drafts.ts";
import { editFile, recordsIn, spoolIn, tempDir, testDisk } from "./spools.ts";

const letsThrough = true;
const counts = async (dir: string) => (await recordsIn(dir)).filter((r) => r.outcome === "unrecorded").map(({ server, agent, decision, attempts, receivedUs, completedAfterUs, errorType }) => ({ server, agent, decision, attempts, receivedUs, completedAfterUs, errorType }));
const at = (n: number): number => draft(n).receivedUs;

async function notesOf(dir: string): Promise<string[]> {
  const findings = new Findings(10);
  await verifySpool(await openSpoolReader(dir), findings, new Set());
  expect(findings.failures).toEqual([]);
  return findings.notes;
}

test("calls that went on while the spool was full are one record an agent and server as soon as it takes records again", async () => {
  const dir = await tempDir();
  const spool = await spoolIn(dir, { letsThrough, maxBytes: 9000 });
  let n = 0;
  while (spool.available) await spool.append(draft(++n)).durable;
  const last = (await recordsIn(dir)).at(-1)!;
  for (const one of [draft(101), draft(102), draft(105), draft(103, { agent: "other" }), draft(104, { decision: "deny" })]) spool.letThrough(one);
  expect(await counts(dir)).toEqual([]);
  // What nobody has recorded yet is told by `audit verify` all the same.
  await waitFor("the count to be on disk", async () => (await readUnrecorded(dir)).reduce((sum, e) => sum + e.calls, 0) === 5, { everyMs: 2 });
  expect(await notesOf(dir)).toContainEqual(expect.stringMatching(/3 calls of agent billing-agent at server orders \(allow\) were let through unrecorded from .*\.101Z to .*\.105Z/));

  await spool.delivery.acknowledge({ seq: last.seq, hash: last.hash }, spool.stats.pendingBytes);
  await waitFor("the records", async () => (await counts(dir)).length === 3, { everyMs: 2 });
  const kind = { server: "orders", agent: "billing-agent", decision: "allow", errorType: "unrecorded" };
  expect(await counts(dir)).toEqual([
    { ...kind, attempts: 3, receivedUs: at(101), completedAfterUs: 4000 },
    { ...kind, agent: "other", attempts: 1, receivedUs: at(103), completedAfterUs: 0 },
    { ...kind, decision: "deny", attempts: 1, receivedUs: at(104), completedAfterUs: 0 },
  ]);
  for (const record of await recordsIn(dir)) expect(callRecordSchema.parse(record)).toEqual(record);
  await waitFor("the file to be empty", async () => (await readUnrecorded(dir)).length === 0, { everyMs: 2 });
  expect(spool.stats.letThrough).toBe(5);
  expect((await notesOf(dir)).filter((note) => note.includes("unrecorded"))).toHaveLength(3);
});

test("the number outlives a crash, is recorded by the next process, and only once", async () => {
  const dir = await tempDir();
  const disk = testDisk();
  const spool = await spoolIn(dir, { letsThrough, disk });
  await spool.append(draft(1)).durable;
  disk.failWrites = { afterBytes: 10 };
  await expect(spool.append(draft(2)).durable).rejects.toThrow("no space left");
  spool.letThrough(draft(2), 2);
  spool.letThrough(draft(3));
  await waitFor("the count to be on disk", async () => (await readUnrecorded(dir)).length === 2, { everyMs: 2 });

  const crashed = await tempDir();
  await cp(dir, crashed, { recursive: true });
  const next = await spoolIn(crashed, { letsThrough });
  // The second call's own record was in memory alone.
  await waitFor("the records", async () => (await counts(crashed)).length === 2, { everyMs: 2 });
  expect((await counts(crashed)).map(({ attempts, errorType }) => ({ attempts, errorType }))).toEqual([{ attempts: 1, errorType: "unrecorded_at_least" }, { attempts: 1, errorType: "unrecorded_at_least" }]);

  // On record, and the file not yet told so.
  const again = await tempDir();
  await waitFor("the file to be empty", async () => (await readUnrecorded(crashed)).length === 0, { everyMs: 2 });
  await next.stop();
  await cp(crashed, again, { recursive: true });
  await cp(join(dir, UNRECORDED_FILE), join(again, UNRECORDED_FILE));
  const third = await spoolIn(again, { letsThrough });
  await third.append(draft(9)).durable;
  await third.stop();
  expect(await counts(again)).toHaveLength(2);

  // Without a crash the record of the second call follows by itself, and the call is not counted beside it.
  disk.failWrites = null;
  await waitFor("the spool to take records", () => spool.available, { everyMs: 2 });
  await waitFor("the records", async () => (await counts(dir)).length === 1, { everyMs: 2 });
  expect((await recordsIn(dir)).map((r) => r.spanId)).toEqual([draft(1).spanId, draft(2).spanId, draft(3).spanId]);
});

test("is recorded when the spool is stopped, full or not", async () => {
  const dir = await tempDir();
  const spool = await spoolIn(dir, { letsThrough, maxBytes: 9000, retryMs: 60_000 });
  let n = 0;
  while (spool.available) await spool.append(draft(++n)).durable;
  spool.letThrough(draft(101));
  await spool.stop();
  expect(await counts(dir)).toMatchObject([{ attempts: 1 }]);
  expect(await readUnrecorded(dir)).toEqual([]);
});

test("agents without number don't take memory without end", async () => {
  const dir = await tempDir();
  const disk = testDisk();
  const spool = await spoolIn(dir, { letsThrough, disk });
  disk.failWrites = { afterBytes: 0 };
  await expect(spool.append(draft(1)).durable).rejects.toThrow();
  for (let n = 2; n < 1000; n++) spool.letThrough(draft(n, { agent: `${n}-${"a".repeat(300)}`, server: "s".repeat(300), owner: "o".repeat(300) }));
  await waitFor("the count to be on disk", async () => (await readUnrecorded(dir)).reduce((sum, e) => sum + e.calls, 0) === 998, { everyMs: 2 });
  expect((await readUnrecorded(dir)).length).toBeLessThanOrEqual(101);
});

test("a value in its slots takes no more room than at first, and a half-written one leaves the one before", async () => {
  const dir = await tempDir();
  const path = join(dir, "slots");
  const { file, value } = await SlotFile.open(path, 100);
  expect(value).toBeNull();
  for (const one of ["first", "second", "third"]) await file.write(one);
  await expect(file.write("x".repeat(100))).rejects.toThrow("do not fit");
  await file.close();
  expect((await stat(path)).size).toBe(200);
  expect(await SlotFile.read(path, 100)).toBe("third");
  await editFile(path, (text) => text.replace("third", "thi"));
  expect(await SlotFile.read(path, 100)).toBe("second");
});

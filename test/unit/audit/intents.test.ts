import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DraftRecord } from "../../../collector/record/call-record.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "./drafts.ts";
import { editFile, recordsIn, spoolIn, tempDir, testDisk } from "./spools.ts";

/** What a crash leaves: the files as they are at this moment, in another directory. */
async function crash(dir: string): Promise<string> {
  const copy = await tempDir();
  await cp(dir, copy, { recursive: true, filter: (path) => !path.endsWith("/lock") });
  return copy;
}

describe("intents", () => {
  test("that a crash left open become interrupted records, once", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    await spool.append(draft(1)).durable;
    await spool.intend(draft(2));
    const left = await crash(dir);

    const reopened = await spoolIn(left);
    expect(reopened.stats).toMatchObject({ interrupted: 1, headSeq: 2 });
    expect((await recordsIn(left))[1]).toMatchObject({
      spanId: draft(2).spanId, decision: "allow", outcome: "interrupted", errorType: "interrupted", completedAfterUs: 0, answeredAfterUs: null, seq: 2,
    });
    await reopened.stop();
    expect((await spoolIn(left)).stats).toMatchObject({ interrupted: 0, headSeq: 2 });
  });

  test("that a version before this one left have every member that a record has", async () => {
    const dir = await tempDir();
    const { attempts, ...before } = draft(1);
    await (await spoolIn(dir)).intend(before as DraftRecord);
    const left = await crash(dir);
    await (await spoolIn(left)).stop();
    expect(await recordsIn(left)).toEqual([expect.objectContaining({ attempts, spanId: before.spanId, outcome: "interrupted" })]);
  });

  test("whose record was written are settled, whether or not anyone said so", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    const intent = await spool.intend(draft(1));
    await spool.intend(draft(2));
    const { durable } = spool.append(draft(1));
    intent.settle();
    intent.settle();
    await durable;
    await spool.append(draft(2)).durable;
    expect((await spoolIn(await crash(dir))).stats.interrupted).toBe(0);
  });

  test("stay settled when the segment with the record was delivered and deleted", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir, { segmentBytes: 1 });
    const intent = await spool.intend(draft(1));
    await spool.intend(draft(2));
    const { durable } = spool.append(draft(1));
    intent.settle();
    await durable;
    await spool.append(draft(3)).durable;
    const [one] = await recordsIn(dir);
    await spool.delivery.acknowledge({ seq: 1, hash: one?.hash ?? "" }, 1);

    const left = await crash(dir);
    expect((await spoolIn(left)).stats.interrupted).toBe(1);
    expect((await recordsIn(left)).map((r) => [r.spanId, r.outcome])).toEqual([
      [draft(3).spanId, "ok"],
      [draft(2).spanId, "interrupted"],
    ]);
  });

  test("resolve only when they are durable, and one that could not be written leaves nothing behind", async () => {
    const dir = await tempDir();
    const disk = testDisk();
    const spool = await spoolIn(dir, { disk });
    await spool.intend(draft(1));
    disk.failWrites = { afterBytes: 100 };
    await expect(spool.intend(draft(2))).rejects.toThrow("no space left");
    expect(spool.available).toBe(false);
    disk.failWrites = null;
    await waitFor("the journal to recover", () => spool.available, { everyMs: 2 });
    await spool.intend(draft(3));
    expect(await readFile(join(dir, "intents.ndjson"), "utf8")).not.toContain('"spanId":"0000000000000002"');
    expect((await spoolIn(await crash(dir))).stats.interrupted).toBe(2);
  });

  test("that were cut off while being written are left out: their calls were not forwarded", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    await spool.intend(draft(1));
    await spool.intend(draft(2));
    const left = await crash(dir);
    await editFile(join(left, "intents.ndjson"), (text) => text.slice(0, -5));
    expect((await spoolIn(left)).stats.interrupted).toBe(1);
  });
});

import { readdir, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Ballast } from "../../../collector/audit/ballast.ts";
import { BALLAST_FILE, CURSOR_FILE, INTENTS_FILE, listSegments } from "../../../collector/audit/layout.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "./drafts.ts";
import { loggerTo, recordsIn, spoolIn, tempDir, testDisk } from "./spools.ts";

const full = (): Error => Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

describe("a spool's ballast", () => {
  test("takes up room, goes overboard when the disk is full, and comes back when there is room again", async () => {
    const dir = await tempDir();
    let given = 0;
    const ballast = new Ballast(dir, () => given++);
    await ballast.restore();
    expect((await stat(join(dir, BALLAST_FILE))).size).toBe(1024 * 1024);

    // A disk on which nothing fits beside the ballast.
    const work = async (): Promise<string> => {
      if ((await readdir(dir)).includes(BALLAST_FILE)) throw full();
      return "written";
    };
    expect(await ballast.makeRoomFor(work)).toBe("written");
    expect({ given, whole: ballast.whole }).toEqual({ given: 1, whole: false });
    await ballast.restore();
    expect(ballast.whole).toBe(true);
  });

  test("stays where it is for any other failure, and for a disk that is full without it too the failure is told", async () => {
    const dir = await tempDir();
    const ballast = new Ballast(dir);
    await ballast.restore();
    await expect(ballast.makeRoomFor(() => Promise.reject(new Error("i/o error")))).rejects.toThrow("i/o error");
    expect(ballast.whole).toBe(true);
    await expect(ballast.makeRoomFor(() => Promise.reject(full()))).rejects.toThrow("no space left");
  });

  test("goes where delivery meets a full disk; no record is taken until it is back", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    await spool.append(draft(1)).durable;
    // Opened and written to as any file, and always full.
    await symlink("/dev/full", join(dir, `${CURSOR_FILE}.next`));
    await expect(spool.delivery.beginSending(1, 1)).rejects.toMatchObject({ code: "ENOSPC" });
    expect(spool.available).toBe(false);
    expect(() => spool.append(draft(2))).toThrow("its disk is full");

    await rm(join(dir, `${CURSOR_FILE}.next`));
    await spool.delivery.beginSending(1, 1);
    await waitFor("the ballast to be back", () => spool.available, { everyMs: 2 });
    expect(await readdir(dir)).toContain(BALLAST_FILE);
    expect(spool.append(draft(2)).seq).toBe(2);
  });

  test("finds its room in the segment that was written to, where all of it was delivered", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    await spool.append(draft(1)).durable;
    const [record] = await recordsIn(dir);
    await spool.delivery.acknowledge({ seq: 1, hash: record?.hash ?? "" }, spool.stats.pendingBytes);
    expect(await listSegments(dir)).toHaveLength(1);
    await symlink("/dev/full", join(dir, `${CURSOR_FILE}.next`));
    await expect(spool.delivery.beginSending(2, 2)).rejects.toMatchObject({ code: "ENOSPC" });
    await rm(join(dir, `${CURSOR_FILE}.next`));
    await waitFor("the ballast to be back", () => spool.available, { everyMs: 2 });
    expect(await listSegments(dir)).toEqual([]);

    await spool.append(draft(2)).durable;
    expect((await recordsIn(dir)).map(({ seq, prevHash }) => ({ seq, prevHash }))).toEqual([{ seq: 2, prevHash: record?.hash }]);
  });

  test("goes where the journal of intents finds no room to begin anew", async () => {
    const dir = await tempDir();
    const disk = testDisk();
    const said: string[] = [];
    const spool = await spoolIn(dir, { disk, logger: loggerTo((_, message) => said.push(message)) });
    // Still open, so it is written anew.
    await spool.intend(draft(0));
    await symlink("/dev/full", join(dir, `${INTENTS_FILE}.next`));
    disk.failWrites = { afterBytes: 0 };
    await expect(spool.intend(draft(1))).rejects.toMatchObject({ code: "ENOSPC" });
    await waitFor("the ballast to go", () => said.some((message) => message.includes("disk is full")), { everyMs: 2 });
    disk.failWrites = null;
    await rm(join(dir, `${INTENTS_FILE}.next`));
    await waitFor("the spool to recover", () => spool.available, { everyMs: 2 });
    await spool.intend(draft(1));
  });

  test("is not taken for whole when it goes while it comes back", async () => {
    const dir = await tempDir();
    const ballast = new Ballast(dir);
    const restored = ballast.restore();
    let attempts = 0;
    await ballast.makeRoomFor(async () => {
      if (attempts++ === 0) throw full();
    });
    await restored;
    expect(ballast.whole).toBe(false);
    expect(await readdir(dir)).not.toContain(BALLAST_FILE);
  });
});

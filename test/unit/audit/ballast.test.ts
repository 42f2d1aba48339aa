import { readdir, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Ballast } from "../../../collector/audit/ballast.ts";
import { BALLAST_FILE, CURSOR_FILE } from "../../../collector/audit/layout.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "./drafts.ts";
import { spoolIn, tempDir } from "./spools.ts";

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
});

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Ballast } from "../../../collector/audit/ballast.ts";
import { BALLAST_FILE } from "../../../collector/audit/layout.ts";
import { tempDir } from "./spools.ts";

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
});

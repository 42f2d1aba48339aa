import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A small file system of the spools' own, so that they can run out of it without harm to anything else. */
export interface SpoolDisk {
  /** Takes what is free but for `leaveBytes`. */
  fill(leaveBytes: number): void;
  free(): void;
  /** Throws while files on it are open for writing. */
  setReadOnly(readOnly: boolean): void;
  unmount(): void;
}

const FILLER = "filler";

/** Null where this user may not mount anything. */
export function mountSpoolDisk(dir: string, bytes: number): SpoolDisk | null {
  mkdirSync(dir, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=700`, "tmpfs", dir], { stdio: "pipe" });
  } catch {
    return null;
  }
  const filler = join(dir, FILLER);
  return {
    fill(leaveBytes) {
      const { bavail, bsize } = statfsSync(dir);
      const file = openSync(filler, "a");
      const chunk = Buffer.alloc(64 * 1024);
      try {
        for (let left = bavail * bsize - leaveBytes; left > 0; left -= chunk.length) writeSync(file, chunk, 0, Math.min(chunk.length, left));
        // The last of it goes in small pieces, because others are writing too.
        while (leaveBytes === 0) writeSync(file, chunk, 0, 512);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    setReadOnly: (readOnly) => void execFileSync("mount", ["-o", `remount,${readOnly ? "ro" : "rw"}`, dir], { stdio: "pipe" }),
    unmount: () => void execFileSync("umount", ["-l", dir], { stdio: "pipe" }),
  };
}

import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmdirSync, rmSync, statfsSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { diskThrottle, type DiskThrottle } from "./disk-throttle.ts";

/** A small file system of the spools' own, so that they can run out of it without harm to anything else. */
export interface SpoolDisk {
  /** Takes what is free but for `leaveBytes`. */
  fill(leaveBytes: number): void;
  free(): void;
  /** Throws while files on it are open for writing. */
  setReadOnly(readOnly: boolean): void;
  /** Null where the kernel can't be told to make processes wait for it. */
  readonly throttle: DiskThrottle | null;
  unmount(): void;
}

const FILLER = "filler";

/** A file system in a file beside the directory: one in memory could not be slow. Null where this user may not mount anything. */
export function mountSpoolDisk(dir: string, bytes: number): SpoolDisk | null {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const image = `${dir}.ext4`;
  try {
    closeSync(openSync(image, "wx", 0o600));
    truncateSync(image, bytes);
    // All of it is for the spools: nothing is kept back for root, and nothing is left to be made ready later.
    execFileSync("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], { stdio: "pipe" });
    execFileSync("mount", ["-o", "loop", image, dir], { stdio: "pipe" });
  } catch {
    rmSync(image, { force: true });
    return null;
  }
  // Whatever is in the directory is taken for a spool.
  rmdirSync(join(dir, "lost+found"));
  const { dev } = statSync(dir);
  const throttle = diskThrottle(`${(dev >> 8) & 0xfff}:${dev & 0xff}`);
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
    throttle,
    unmount() {
      throttle?.lift();
      execFileSync("umount", ["-l", dir], { stdio: "pipe" });
      rmSync(image, { force: true });
    },
  };
}

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Holds processes to so many writes a second to one block device. They wait in the kernel, as on a device that is slow. */
export interface DiskThrottle {
  limit(pids: readonly number[], writesPerSecond: number): void;
  /** May be called when nothing is limited. */
  lift(): void;
}

const ROOT = "/sys/fs/cgroup/blkio";
const WRITES = "blkio.throttle.write_iops_device";

/** By a control group (version 1), which has to be there; null otherwise. `device` is a block device's `major:minor`. */
export function diskThrottle(device: string): DiskThrottle | null {
  if (!existsSync(join(ROOT, WRITES))) return null;
  const group = join(ROOT, `signalbox-chaos-${process.pid}`);
  return {
    limit(pids, writesPerSecond) {
      mkdirSync(group, { recursive: true });
      writeFileSync(join(group, WRITES), `${device} ${writesPerSecond}`);
      for (const pid of pids) move(pid, group);
    },
    lift() {
      if (!existsSync(group)) return;
      writeFileSync(join(group, WRITES), `${device} 0`);
      // Again for those that were forked meanwhile.
      for (let left = members(group); left.length > 0; left = members(group)) for (const pid of left) move(pid, ROOT);
      rmdirSync(group);
    },
  };
}

function members(group: string): number[] {
  return readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
}

function move(pid: number, group: string): void {
  try {
    writeFileSync(join(group, "cgroup.procs"), String(pid));
  } catch (error) {
    // It has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

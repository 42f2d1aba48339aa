import { readdirSync, readFileSync } from "node:fs";
import type { RoleName } from "../../support/stack.ts";
import type { Fault, World } from "../fault.ts";

type Victim = RoleName | "worker";

/** kill -9 of a role with all its processes, or of one worker, again and again at random moments. */
export function kill(victim: Victim): Fault {
  return {
    name: `kill-${victim}`,
    what: `kill -9 of ${victim === "worker" ? "one worker of the proxy" : `the ${victim}`}`,
    async inject(world) {
      if (victim === "backend" && !world.stack.roles.has("backend")) await world.stack.start("backend");
    },
    async endure(world) {
      for (let n = 0; n < (world.short ? 1 : 4); n++) {
        await world.answered(world.random.int(20, 150));
        if (victim === "worker") killWorker(world);
        else world.stack.kill(victim);
      }
      await world.answered(50);
    },
    heal: async () => {},
    expected: { refused: "none", failed: victim === "proxy" || victim === "worker" ? "any" : "none", gaps: 0 },
  };
}

function killWorker({ stack, random }: World): void {
  const primary = stack.roles.get("proxy")?.pid();
  const workers = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isWorkerOf(pid, primary));
  process.kill(Number(random.pick(workers)), "SIGKILL");
}

function isWorkerOf(pid: string, primary: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    return parent === primary && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("worker");
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

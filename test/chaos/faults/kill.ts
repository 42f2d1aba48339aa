import type { RoleName } from "../../support/stack.ts";
import { workers } from "../workers.ts";
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
  process.kill(random.pick(workers(stack)), "SIGKILL");
}

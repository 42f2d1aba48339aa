import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../fault.ts";

/** A role that is gone for a while, and not started again meanwhile. */
export function outage(role: "store" | "collector", seconds: number): Fault {
  return {
    name: `${role}-down`,
    what: `${role} down for ${seconds} s`,
    async inject({ stack }) {
      stack.kill(role);
      await stack.roles.get(role)?.stop();
    },
    endure: ({ outageMs }) => sleep(outageMs),
    heal: ({ stack }) => stack.start(role),
    expected: { refused: "none", failed: "none", gaps: 0 },
  };
}

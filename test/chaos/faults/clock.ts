import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../fault.ts";

const HOUR_MS = 3_600_000;

/** Forward, back beyond where it began, and over a day's end; calls go on at each of them. */
export const clockJumps: Fault = {
  name: "clock-jumps",
  what: "the proxy's clock jumps (+1 h, -2 h, +25 h)",
  inject: async ({ setClock }) => setClock(HOUR_MS),
  async endure({ setClock, answered, short }) {
    for (const offsetMs of [-HOUR_MS, 24 * HOUR_MS]) {
      // Processes look at their clock every second.
      await sleep(short ? 1200 : 3000);
      await answered(100);
      setClock(offsetMs);
    }
    await sleep(short ? 1200 : 3000);
    await answered(100);
  },
  heal: async ({ setClock }) => setClock(0),
  expected: { refused: "none", failed: "none", gaps: 0 },
};

import type { Fault } from "../fault.ts";
import { clockJumps } from "./clock.ts";
import { diskFilled, diskFull, diskFullGoingOn, diskSlow, readOnly, spoolFull } from "./disk.ts";
import { kill } from "./kill.ts";
import { disorder, halfOpen } from "./network.ts";
import { outage } from "./outage.ts";
import { destroyedTail, tornWrite } from "./torn.ts";

/** In the order in which they are run; all on one installation, so that each finds what the ones before left. */
export function faults(outageSeconds: number): Fault[] {
  return [
    kill("store"),
    kill("collector"),
    kill("proxy"),
    kill("worker"),
    kill("backend"),
    outage("store", outageSeconds),
    outage("collector", outageSeconds),
    diskFull,
    diskFullGoingOn(),
    diskFilled,
    spoolFull,
    diskSlow,
    readOnly,
    halfOpen,
    clockJumps,
    disorder,
    tornWrite,
    destroyedTail(),
  ];
}

/** What the quick form leaves out: what takes long, and what another one goes through as well. */
export const longOnly: ReadonlySet<string> = new Set(["kill-worker", "kill-backend", "collector-down", "disk-full", "spool-full", "read-only"]);

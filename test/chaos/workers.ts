import { readdirSync, readFileSync } from "node:fs";
import type { Stack } from "../support/stack.ts";

/** The proxy's workers that are there now, by process id. */
export function workers(stack: Stack): number[] {
  const primary = stack.roles.get("proxy")?.pid();
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isWorkerOf(pid, primary)).map(Number);
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

import { readFileSync, readdirSync } from "node:fs";

/** Processes of one tree that are looked at; a server that has more of them is not spared for it. */
const MAX_PROCESSES = 1000;

/**
 * The resident memory of a process and of all that descend from it, as Linux tells it; null where it tells nothing. What two
 * of them share is counted twice: too much rather than too little.
 */
export function residentBytes(pid: number, proc = "/proc"): number | null {
  let total: number | null = null;
  const pending = [pid];
  for (let looked = 0; pending.length > 0 && looked < MAX_PROCESSES; looked++) {
    const next = pending.pop()!;
    try {
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${proc}/${next}/status`, "utf8"))?.[1];
      if (kilobytes !== undefined) total = (total ?? 0) + Number(kilobytes) * 1024;
      for (const thread of readdirSync(`${proc}/${next}/task`)) pending.push(...childrenOf(`${proc}/${next}/task/${thread}/children`));
    } catch {
      // It has ended since it was listed.
    }
  }
  return total;
}

function childrenOf(file: string): number[] {
  const listed = readFileSync(file, "utf8").trim();
  return listed === "" ? [] : listed.split(" ").map(Number);
}

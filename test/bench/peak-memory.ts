import { readFileSync, writeFileSync } from "node:fs";

/** Begins to watch the most memory that a process has resident; what is returned tells it, in bytes. Undefined where the system doesn't say. */
export function startPeak(pid: number): () => number | undefined {
  try {
    // Linux: 5 sets the high-water mark back to what is resident now.
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    return () => undefined;
  }
  return () => {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  };
}

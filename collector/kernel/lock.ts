import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { SignalboxError } from "./errors.ts";

/**
 * One process at a time may hold `file`. A lock whose holder no longer runs is taken over; the returned function gives
 * the lock back and may be called twice. Throws E_LOCKED with the holder's process id, E_DIR when the folder can't be
 * written.
 */
export function acquireLock(file: string, what: string): () => void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      mkdirSync(dirname(file), { recursive: true });
      const fd = openSync(file, "wx", 0o600);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      let held = true;
      return () => {
        if (held) rmSync(file, { force: true });
        held = false;
      };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "EEXIST") {
        throw new SignalboxError("E_DIR", `${what}: cannot write ${dirname(file)} (${code ?? "unknown error"})`, {
          remedy: "choose another folder with SIGNALBOX_DATA_DIR, or make this one writable",
          cause: error,
        });
      }
      const holder = readHolder(file);
      if (holder !== null && isRunning(holder)) {
        throw new SignalboxError("E_LOCKED", `${what} is already in use by process ${holder}`, {
          remedy: "stop that one first, or choose another folder with SIGNALBOX_DATA_DIR",
        });
      }
      rmSync(file, { force: true });
    }
  }
  throw new SignalboxError("E_LOCKED", `${what}: another process keeps taking ${file}`);
}

function readHolder(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, "utf8").trim());
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

import { constants } from "node:fs";
import { access, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SignalboxError } from "../kernel/errors.ts";

/** What the engine needs to know of the machine; a test hands in another machine's. */
export interface Machine {
  platform: string;
  arch: string;
  /** The C library's version on Linux with glibc; undefined with any other C library. */
  glibc: string | undefined;
  /** The text of /proc/cpuinfo; undefined where there is none. */
  cpuinfo: string | undefined;
}

const SUPPORTED = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];
const MIN_GLIBC = [2, 25];

/** Throws for a machine on which loading the engine would fail, or kill the process without a word. */
export function checkMachine(machine: Machine): void {
  const key = `${machine.platform}-${machine.arch}`;
  const elsewhere = "Use a ClickHouse server instead: set store.url to its HTTP interface.";
  if (!SUPPORTED.includes(key)) {
    throw new SignalboxError("E_ENGINE_PLATFORM", `The embedded store does not run on ${key}.`, { remedy: elsewhere });
  }
  if (machine.platform === "linux" && !hasGlibc(machine.glibc)) {
    const found = machine.glibc ? `glibc ${machine.glibc}` : "another C library (musl?)";
    throw new SignalboxError("E_ENGINE_LIBC", `The embedded store needs glibc ${MIN_GLIBC.join(".")} or later; this system has ${found}.`, {
      remedy: `Take an image with glibc, such as Debian's. ${elsewhere}`,
    });
  }
  if (machine.arch === "x64" && machine.cpuinfo !== undefined && !/^flags\s*:.*\bavx2\b/m.test(machine.cpuinfo)) {
    throw new SignalboxError("E_ENGINE_CPU", "The embedded store needs a CPU with AVX2, and this one has none.", {
      remedy: elsewhere,
    });
  }
}

function hasGlibc(version: string | undefined): boolean {
  if (version === undefined) return false;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantMajor = 0, wantMinor = 0] = MIN_GLIBC;
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

export async function thisMachine(): Promise<Machine> {
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const cpuinfo = process.platform === "linux" ? await readFile("/proc/cpuinfo", "utf8").catch(() => undefined) : undefined;
  return { platform: process.platform, arch: process.arch, glibc: report.header.glibcVersionRuntime, cpuinfo };
}

/** Creates the data directory where it is missing. Throws where the store could not write in it. */
export async function checkDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new SignalboxError("E_ENGINE_DIR", `The store cannot write to its data directory ${dir}.`, {
      remedy: "Make it writable for this user, or choose another with --data-dir.",
      cause,
    });
  }
}

/**
 * What opening `dataDir` failed with, in words. The addon itself only says that it failed (the engine's error, code 76
 * for a directory in use, goes to standard error), but the engine leaves its process id in the file it locks.
 */
export async function openingError(dataDir: string, cause: unknown): Promise<SignalboxError> {
  const status = await readFile(join(dataDir, "status"), "utf8").catch(() => "");
  const pid = Number(/^PID: (\d+)$/m.exec(status)?.[1]);
  if (pid > 0 && pid !== process.pid && isAlive(pid)) {
    return new SignalboxError("E_ENGINE_LOCKED", `Another process (${pid}) has the data directory ${dirname(dataDir)} open.`, {
      remedy: "Stop the other signalbox, or choose another directory with --data-dir.",
      cause,
    });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new SignalboxError("E_ENGINE_OPEN", `The store could not open its data: ${text.trim().split("\n").at(-1)}`, {
    remedy: "The lines before this one are the engine's own account.",
    cause,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export function listenError(host: string, port: number, cause: unknown): SignalboxError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === "EADDRINUSE" ? "the port is in use" : code === "EACCES" ? "not permitted" : String(code ?? cause);
  return new SignalboxError("E_ENGINE_PORT", `The store cannot listen on ${host}:${port}: ${why}.`, {
    remedy: "Choose another with --port, or stop what is listening there.",
    cause,
  });
}

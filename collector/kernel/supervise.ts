import { fork, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import type { Stoppable } from "./lifecycle.ts";

/** One role of the program, run as a process of its own. */
export interface RoleSpec {
  readonly name: string;
  /** The program's arguments for the role, such as `["store"]`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RoleEvent {
  readonly role: string;
  readonly kind: "ready" | "exited" | "restarting" | "gave_up";
  readonly detail: string;
  readonly info?: Readonly<Record<string, unknown>>;
}

export interface Role extends Stoppable {
  readonly name: string;
  /** Resolves with what the role said when it was first ready; rejects when it ended before that. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>;
  pid(): number | undefined;
}

const LOG_LIMIT_BYTES = 32 * 1024 * 1024;
const BACKOFF_MS = [200, 500, 1000, 2000, 5000];
/** A role that has run this long is considered healthy again: its next crash starts at the shortest wait. */
const HEALTHY_AFTER_MS = 30_000;

/**
 * Starts a role and keeps it running. Its standard error goes to `<logDir>/<role>.log` (one old file is kept), its last
 * line there is what an early exit is explained with. A role that fails before it was ever ready is not started again:
 * that is a mistake for a person to mend. After that it restarts for ever, with growing waits.
 */
export function superviseRole(
  spec: RoleSpec,
  options: {
    readonly entry: string;
    readonly execArgv?: readonly string[];
    readonly cwd: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly logDir: string;
    readonly stopTimeoutMs: number;
    readonly onEvent: (event: RoleEvent) => void;
  },
): Role {
  mkdirSync(options.logDir, { recursive: true });
  let child: ChildProcess | undefined;
  let stopping = false;
  let everReady = false;
  let attempt = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped: Promise<void> | undefined;
  const first = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  first.promise.catch(() => undefined);

  const start = (): void => {
    const startedAt = performance.now();
    const log = openLog(join(options.logDir, `${spec.name}.log`));
    let tail = "";
    const running = fork(options.entry, [...spec.args], {
      cwd: options.cwd,
      env: { ...options.env, ...spec.env } as NodeJS.ProcessEnv,
      execArgv: [...(options.execArgv ?? [])],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // A group of its own: Ctrl-C then reaches the supervisor alone, which stops the roles in order.
      detached: true,
    });
    child = running;
    for (const stream of [running.stdout, running.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        tail = (tail + chunk.toString("utf8")).slice(-4096);
        log.write(chunk);
      });
    }
    running.on("message", (message: { type?: string }) => {
      if (message?.type !== "ready") return;
      const { type: _, ...info } = message as Record<string, unknown>;
      everReady = true;
      first.resolve(info);
      options.onEvent({ role: spec.name, kind: "ready", detail: "", info });
    });
    running.once("error", (error) => first.reject(error));
    running.once("close", (code, signal) => {
      log.end();
      child = undefined;
      if (stopping) return;
      const why = signal ? `signal ${signal}` : `exit code ${code}`;
      if (!everReady) {
        first.reject(new Error(explain(tail) || `${spec.name} ended with ${why} before it was ready`));
        options.onEvent({ role: spec.name, kind: "gave_up", detail: why });
        return;
      }
      options.onEvent({ role: spec.name, kind: "exited", detail: why });
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) attempt = 0;
      const wait = BACKOFF_MS[Math.min(attempt++, BACKOFF_MS.length - 1)] ?? 5000;
      options.onEvent({ role: spec.name, kind: "restarting", detail: `in ${wait} ms` });
      timer = setTimeout(start, wait);
    });
  };

  start();
  return {
    name: spec.name,
    ready: first.promise,
    pid: () => child?.pid,
    stop() {
      stopping = true;
      clearTimeout(timer);
      stopped ??= child ? end(child, options.stopTimeoutMs) : Promise.resolve();
      return stopped;
    },
  };
}

function end(child: ChildProcess, timeoutMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    child.once("close", () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

function openLog(file: string): WriteStream {
  try {
    if (statSync(file).size > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
  } catch {
    // There is no log yet.
  }
  return createWriteStream(file, { flags: "a", mode: 0o600 });
}

/** What the program printed as its reason to end: the `signalbox: ...` line and what follows it. */
function explain(tail: string): string {
  const at = tail.lastIndexOf("signalbox: ");
  return at < 0 ? "" : tail.slice(at + "signalbox: ".length).trim();
}

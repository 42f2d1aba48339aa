import type { ChildProcess } from "node:child_process";
import type { Stoppable } from "../collector/kernel/lifecycle.ts";
import type { Logger } from "../collector/kernel/log.ts";

/** A process that is started again when it ends. */
export interface Kept extends Stoppable {
  /** Resolves with what the process said when it was first ready; rejects when it never came so far. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>;
}

export interface KeepOptions {
  readonly name: string;
  readonly start: () => ChildProcess;
  readonly stopMs: number;
  readonly logger: Logger;
}

const WAITS_MS = [100, 200, 500, 1000, 2000, 5000];
/** Having run so long, a process has recovered: its next crash starts with the shortest wait. */
const HEALTHY_MS = 30_000;

/**
 * Keeps one process running. One that ends before it was ever ready is not started again: that is a mistake in what it
 * was given, and the message it sent says which.
 */
export function keepRunning(options: KeepOptions): Kept {
  const { name, logger } = options;
  const first = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  first.promise.catch(() => undefined);
  let child: ChildProcess | null = null;
  let everReady = false;
  let crashes = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;

  const start = (): void => {
    const startedAt = performance.now();
    let fault = "";
    const running = options.start();
    child = running;
    running.on("message", (message: { type?: string; message?: string }) => {
      if (message?.type === "failed") fault = message.message ?? "";
      if (message?.type !== "ready") return;
      everReady = true;
      first.resolve(message as Record<string, unknown>);
    });
    running.once("error", (error) => first.reject(error));
    running.once("exit", (code, signal) => {
      child = null;
      if (stopping) return;
      const why = signal ?? `exit code ${code}`;
      if (!everReady) return first.reject(new Error(fault || `${name} ended with ${why} before it was ready`));
      if (performance.now() - startedAt > HEALTHY_MS) crashes = 0;
      const waitMs = WAITS_MS[Math.min(crashes++, WAITS_MS.length - 1)]!;
      logger.warn({ process: name, why, waitMs, fault }, "a process ended and is started again");
      timer = setTimeout(start, waitMs);
    });
  };

  start();
  return {
    ready: first.promise,
    stop() {
      clearTimeout(timer);
      stopping ??= child ? end(child, options.stopMs) : Promise.resolve();
      return stopping;
    },
  };
}

function end(child: ChildProcess, ms: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill("SIGKILL"), ms);
    child.once("exit", () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

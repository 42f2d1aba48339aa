import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** A server in a process of its own. */
export interface ChildServer {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

const readyWithinMs = 20_000;
const stopsWithinMs = 3_000;

/**
 * Starts a script that sends `{ready: true, url}` to its parent once it listens. What it prints goes to our standard
 * error. Stopping sends SIGTERM, then SIGKILL to one that does not go.
 */
export async function startChildServer(script: URL, args: string[] = []): Promise<ChildServer> {
  const child = fork(script, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const waiting = new AbortController();
  const ready = once(child, "message", { signal: waiting.signal }) as Promise<[{ url?: string }]>;
  const first = await Promise.race([
    ready.then(([message]) => message.url),
    exited.then(() => undefined),
    sleep(readyWithinMs, undefined, { signal: waiting.signal }),
  ]);
  waiting.abort();

  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopsWithinMs);
    await exited;
    clearTimeout(timer);
  };
  if (first === undefined || child.pid === undefined) {
    await stop();
    throw new Error(`${script.pathname} did not say that it is ready`);
  }
  return { url: first, pid: child.pid, stop };
}

/** For the script: says it is ready, and stops when told to or when its parent is gone. */
export function serveParent(url: string, stop: () => Promise<void>): void {
  console.log(url);
  process.send?.({ ready: true, url });
  const leave = () => void stop().finally(() => process.exit(0));
  process.once("SIGTERM", leave);
  process.once("SIGINT", leave);
  process.once("disconnect", leave);
}

import { execFile } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { SignalboxError } from "../kernel/errors.ts";

/**
 * Results come out of the engine through named pipes: the engine believes that it writes a file (INTO OUTFILE), the
 * front reads the other end. chDB's own streaming was measured and left: it starts the query on the event loop, where
 * a scalar subquery of two seconds froze the whole process for two seconds, and it streams only some formats. A pipe
 * streams every format, holds back a fast query for a slow client, and runs all of the query on a libuv thread.
 */
export interface Pipes {
  /** One pipe for one query. There are as many as queries may run at once, so one is always free. */
  take(): ResultPipe;
}

export interface ResultPipe {
  path: string;
  /** Ends after `finish`, when all that was written has been read. Destroying it makes the engine's writes fail. */
  output: Socket;
  /** To be called when the engine is done with the query, however it ended. */
  finish(): void;
  /** Gives the pipe back, once the engine is done. Unread bytes are dropped. */
  release(): void;
}

export async function createPipes(dir: string, count: number): Promise<Pipes> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const free = Array.from({ length: count }, (_, i) => join(dir, `result-${i}`));
  try {
    await promisify(execFile)("mkfifo", ["-m", "600", ...free]);
  } catch (cause) {
    throw new SignalboxError("E_ENGINE_PIPES", `Could not create named pipes in ${dir}.`, {
      remedy: "The data directory must be on a local file system that supports them, and mkfifo must be installed.",
      cause,
    });
  }
  return {
    take() {
      const path = free.pop();
      if (path === undefined) throw new Error("more queries at once than pipes");
      return openPipe(path, () => free.push(path));
    },
  };
}

function openPipe(path: string, giveBack: () => void): ResultPipe {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  // Our own writing end keeps the pipe from looking ended before the engine has opened it.
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const output = new Socket({ fd: reader, readable: true, writable: false });
  output.on("error", () => undefined);
  let finished = false;
  let released = false;
  const finish = (): void => {
    if (finished) return;
    finished = true;
    closeSync(writer);
  };
  return {
    path,
    output,
    finish,
    release() {
      if (released) return;
      released = true;
      finish();
      if (output.closed) giveBack();
      else output.once("close", giveBack).destroy();
    },
  };
}

import { spawn, type ChildProcess } from "node:child_process";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../../collector/kernel/log.ts";
import type { ResolvedCommand } from "../../registry/resolve-command.ts";
import { isObject, type JsonObject } from "../../transport/envelope.ts";
import { Lines } from "../../transport/lines.ts";
import { residentBytes } from "./memory.ts";

/** Of the request that brings a message: what a server over HTTP is to see of it. */
export type CallHeaders = Readonly<Partial<Record<"authorization" | "traceparent", string>>>;

export interface Child extends Stoppable {
  /** False when the child has gone, or does not read: the message is then not sent. */
  send(message: string, headers?: CallHeaders): boolean;
  /** False when there was no such program. */
  readonly started: boolean;
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<void>;
}

export interface ChildOptions {
  readonly command: ResolvedCommand;
  readonly onMessage: (message: JsonObject) => void;
  readonly logger: Logger;
  readonly maxLineBytes: number;
  /** Absent, it may hold what it likes. */
  readonly maxMemoryBytes?: number | undefined;
}

const TERM_MS = 1500;
/** What may wait for a child that does not read. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
const MAX_STDERR_LINE = 500;
/** How often a child's memory is looked at. */
const MEMORY_LOOK_MS = 500;

/**
 * Starts a server without a shell, in a process group of its own so that what it starts ends with it. Its standard error
 * goes to the log at debug level: a server may write anything there, payloads too.
 */
export function startChild(options: ChildOptions): Child {
  const { command, logger } = options;
  const process_ = spawn(command.command, [...command.args], { env: { ...command.env }, stdio: ["pipe", "pipe", "pipe"], detached: true, windowsHide: true });
  const exited = new Promise<void>((resolve) => {
    process_.once("error", (error) => {
      logger.warn({ code: (error as NodeJS.ErrnoException).code }, "a stdio server could not be started");
      resolve();
    });
    process_.once("close", () => resolve());
  });
  const lines = new Lines(options.maxLineBytes, (line) => {
    const message = parseLine(line);
    if (message) options.onMessage(message);
    else logger.debug({ bytes: line.length }, "a stdio server wrote a line that is no message");
  });
  process_.stdout.on("data", (chunk: Buffer) => {
    try {
      lines.push(chunk);
    } catch (error) {
      logger.warn({ err: error }, "a stdio server is stopped for what it wrote");
      killGroup(process_, "SIGKILL");
    }
  });
  process_.stderr.on("data", (chunk: Buffer) => logger.debug({ stderr: chunk.toString("utf8", 0, MAX_STDERR_LINE) }, "a stdio server wrote to its log"));
  // A child that has gone breaks its pipes; its exit says all there is to say.
  for (const pipe of [process_.stdin, process_.stdout, process_.stderr]) pipe.on("error", () => {});

  if (options.maxMemoryBytes !== undefined) boundMemory(process_, options.maxMemoryBytes, logger, exited);

  let stopping: Promise<void> | undefined;
  return {
    exited,
    started: process_.pid !== undefined,
    send(message) {
      if (process_.exitCode !== null || process_.signalCode !== null || !process_.stdin.writable) return false;
      if (process_.stdin.writableLength > MAX_UNREAD_BYTES) return false;
      process_.stdin.write(`${message}\n`);
      return true;
    },
    stop: () => (stopping ??= end(process_, exited)),
  };
}

/** Ends a child that holds more than it may: its calls fail and are on record, and the machine has room for the others. */
function boundMemory(child: ChildProcess, limit: number, logger: Logger, exited: Promise<void>): void {
  const looking = setInterval(() => {
    const held = child.pid === undefined ? null : residentBytes(child.pid);
    if (held === null || held <= limit) return;
    logger.warn({ heldBytes: held, maxMemoryBytes: limit }, "a stdio server is stopped for the memory that it holds");
    killGroup(child, "SIGKILL");
  }, MEMORY_LOOK_MS).unref();
  void exited.then(() => clearInterval(looking));
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.pid === undefined) return;
  // Closing its input is how the protocol asks a server to leave; the signal is for one that does not listen.
  child.stdin?.end();
  killGroup(child, "SIGTERM");
  const timer = setTimeout(() => killGroup(child, "SIGKILL"), TERM_MS);
  await exited;
  clearTimeout(timer);
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

function parseLine(line: Buffer): JsonObject | null {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

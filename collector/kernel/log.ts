import { pino, type Logger as PinoLogger } from "pino";

/** The program's own log: JSON lines on standard error. Never payloads, arguments or secrets. */
export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "child">;

export function createLogger(role: string, level: string): Logger {
  return pino({ level, base: { role, pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}

/** Whether the nth in a row is said: the first and then ever fewer, because an outage of hours must not fill the log. */
export function isWorthSaying(nth: number): boolean {
  return Number.isInteger(Math.log2(nth));
}

export const silentLogger: Logger = pino({ level: "silent" });

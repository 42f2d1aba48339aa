import { pino, type Logger as PinoLogger } from "pino";

/** The program's own log: JSON lines on standard error. Never payloads, arguments or secrets. */
export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "child">;

export function createLogger(role: string, level: string): Logger {
  return pino({ level, base: { role, pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}

export const silentLogger: Logger = pino({ level: "silent" });

import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SignalboxError } from "../collector/kernel/errors.ts";

const KEY_BYTES = 32;

/** Where the proxy keeps what is its own. */
export const stdioSocketPath = (dataDir: string): string => join(dataDir, "stdio.sock");
/** Where a worker takes what clients of its streams posted to another one. */
export const workerSocketPath = (dataDir: string, slot: string): string => join(dataDir, `worker-${slot}.sock`);
export const workerSpoolDir = (dataDir: string, slot: number): string => join(dataDir, "spool", `worker-${slot}`);
/** Of a command that runs under governance without a proxy. */
export const wrapSpoolDir = (dataDir: string, slot: number): string => join(dataDir, "spool", `wrap-${slot}`);
export const controlDir = (dataDir: string): string => join(dataDir, "control");
/** The key of the person at this machine, in clear; made with the sample configuration. */
export const operatorKeyPath = (dataDir: string): string => join(dataDir, "operator.key");
/** What held calls ask for, until a person has decided. */
export const heldDir = (dataDir: string): string => join(dataDir, "held");
const digestKeyPath = (dataDir: string): string => join(dataDir, "digest.key");

/** Makes the installation's key on its first start. Losing it makes old digests incomparable with new ones, no more. */
export function ensureDigestKey(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(digestKeyPath(dataDir), randomBytes(KEY_BYTES), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

export function readDigestKey(dataDir: string): Buffer {
  const key = readFileSync(digestKeyPath(dataDir));
  if (key.length === KEY_BYTES) return key;
  throw new SignalboxError("E_DIGEST_KEY", `${digestKeyPath(dataDir)} does not hold ${KEY_BYTES} bytes`, {
    remedy: "restore it, or remove it to have a new one made",
  });
}

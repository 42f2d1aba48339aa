import { join } from "node:path";

/**
 * What the signer keeps, in the folder `audit` of the data directory:
 *
 *     checkpoints.ndjson   the checkpoint log: key statements and checkpoints, appended to and never changed
 *     signing-key.pem      the private key that signs now; mode 0600
 *     signing-key.next.pem the one that a rotation under way has made
 *     lock                 who is appending
 *     outbox/              how far each anchor and the store have the log
 */
export const auditDir = (dataDir: string): string => join(dataDir, "audit");
export const logFile = (dir: string): string => join(dir, "checkpoints.ndjson");
export const keyFile = (dir: string): string => join(dir, "signing-key.pem");
export const nextKeyFile = (dir: string): string => join(dir, "signing-key.next.pem");
export const logLockFile = (dir: string): string => join(dir, "lock");
export const outboxDir = (dir: string): string => join(dir, "outbox");

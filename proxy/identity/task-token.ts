import { randomBytes } from "node:crypto";
import { hashKey, maxCredentialLength } from "./api-key.ts";

/**
 * A task's token is `sbt_<taskId>_<secret>`, the secret 32 random bytes. As with keys, its SHA-256 alone is kept, and the
 * prefix tells a leaked one for what it is.
 */
const tokenForm = /^sbt_tk-[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/;

export interface NewTaskToken {
  readonly taskId: string;
  readonly token: string;
  /** In hex. */
  readonly tokenHash: string;
}

export function generateTaskToken(): NewTaskToken {
  const taskId = `tk-${randomBytes(8).toString("hex")}`;
  const token = `sbt_${taskId}_${randomBytes(32).toString("base64url")}`;
  return { taskId, token, tokenHash: hashKey(token) };
}

const ownTaskId = /^tk-[0-9a-f]{16}$/;

/** Whether a task was opened here, by the form of its id. */
export const isOwnTask = (taskId: string): boolean => ownTaskId.test(taskId);

/** Whether a credential is formed like a task's token; no key of an agent is. */
export function isTaskToken(credential: string): boolean {
  return credential.startsWith("sbt_") && credential.length <= maxCredentialLength && tokenForm.test(credential);
}

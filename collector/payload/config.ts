import { z } from "zod";
import { SECRET_PLACE } from "../kernel/secret-place.ts";

const encryptionKey = z.strictObject({
  /** Stored with each payload, so that the key can be found again. */
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "at most 64 letters, digits, dots, dashes and underscores"),
  /** Where 32 random bytes are, as Base64 or hexadecimal: `${env:NAME}` or `${file:PATH}`. */
  key: z.string().regex(SECRET_PLACE, "names where the key is: ${env:NAME} or ${file:PATH}"),
});

const encryptionSchema = z
  .strictObject({
    /** The first one encrypts; the others still open what they encrypted. */
    keys: z.array(encryptionKey).min(1),
  })
  .refine(({ keys }) => new Set(keys.map((key) => key.id)).size === keys.length, { path: ["keys"], message: "two keys have the same id" });

/** Which servers' payloads are kept at all is in the registry. */
export const payloadsConfigSchema = z.strictObject({
  encryption: encryptionSchema.optional(),
  /** Bytes of payloads that a worker keeps on disk until the store has them; what comes then is dropped. */
  spoolMaxBytes: z.int().positive().default(256 * 1024 * 1024),
  /** While the disk has less free than this, payloads are dropped: the audit log is to have it. */
  minFreeBytes: z.int().min(0).default(512 * 1024 * 1024),
});

export type PayloadsConfig = z.infer<typeof payloadsConfigSchema>;
export type EncryptionKey = z.infer<typeof encryptionKey>;

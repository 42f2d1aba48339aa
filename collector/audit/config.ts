import { z } from "zod";

const anchorSchema = z.discriminatedUnion("kind", [
  /** Appends the log's lines to a file, on a volume that others can't write to. Relative to `signalbox.yaml`. */
  z.strictObject({ kind: z.literal("file"), path: z.string().min(1) }),
  /** POSTs each entry as JSON; any 2xx takes it. */
  z.strictObject({ kind: z.literal("http"), url: z.url({ protocol: /^https?$/ }), timeoutMs: z.int().positive().default(10_000) }),
  /** Appends to the git note of a repository's HEAD; pushing the ref is the repository's own business. */
  z.strictObject({ kind: z.literal("git-note"), repository: z.string().min(1), ref: z.string().regex(/^refs\/notes\/[A-Za-z0-9._/-]+$/).default("refs/notes/signalbox") }),
]);

export const auditConfigSchema = z.strictObject({
  /** How often what has become durable is signed. */
  checkpointMs: z.int().min(100).default(60_000),
  anchors: z.array(anchorSchema).default([]),
});

export type AuditConfig = z.infer<typeof auditConfigSchema>;
export type AnchorConfig = z.infer<typeof anchorSchema>;

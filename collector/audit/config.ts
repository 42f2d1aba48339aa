import { z } from "zod";
import { SECRET_PLACE, SECRET_PLACE_FORM } from "../kernel/secret-place.ts";

const OWN_MACHINE: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** A credential crosses a network only under TLS. */
function mayCarryCredential(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || OWN_MACHINE.has(hostname);
}

const anchorSchema = z.discriminatedUnion("kind", [
  /** Appends the log's lines to a file, on a volume that others can't write to. Relative to `signalbox.yaml`. */
  z.strictObject({ kind: z.literal("file"), path: z.string().min(1) }),
  /** POSTs each entry as JSON; any 2xx takes it. */
  z
    .strictObject({
      kind: z.literal("http"),
      url: z.url({ protocol: /^https?$/ }),
      /** `${env:NAME}` or `${file:PATH}`, sent as a bearer token. */
      credential: z.string().regex(SECRET_PLACE, SECRET_PLACE_FORM).optional(),
      timeoutMs: z.int().positive().default(10_000),
    })
    .refine(({ url, credential }) => credential === undefined || mayCarryCredential(url), { path: ["url"], message: "must be https, because a credential is sent to it" }),
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

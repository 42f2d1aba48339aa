import { hash } from "node:crypto";
import { z } from "zod";
import { callId } from "../../record/call-record.ts";
import { frame } from "../../record/canonical.ts";
import { SB_AUDIT_PRODUCER, SB_AUDIT_SEQ } from "../../record/semconv.ts";
import { checkpointSchema, entryProblem, keySchema, type KnownKeys } from "./entry.ts";
import { rootOfPath } from "./merkle.ts";

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * Proves to whoever trusts a public key that one record was in the register when its checkpoint was signed, and what it
 * said. It holds the record as it was hashed, which is digests and sizes where the call had payloads.
 */
export const proofSchema = z.strictObject({
  format: z.literal("signalbox-proof/1"),
  /** The call's id. */
  event_id: z.string(),
  /** Of the record. */
  event_hash: digest,
  /** What was hashed: keys and values in the order of the canonical form. */
  form: z.array(z.tuple([z.string(), z.string()])),
  /** The siblings from the record's leaf to the checkpoint's root, lowest first. */
  path: z.array(digest).max(64),
  checkpoint: checkpointSchema,
  /** Every key statement of the log, oldest first: the way from the key that is trusted to the one that signed. */
  keys: z.array(keySchema).min(1),
});

export type Proof = z.infer<typeof proofSchema>;

/** Why a proof proves nothing to who trusts `publicKey`, or null. */
export function proofProblem(proof: Proof, publicKey: string): string | null {
  const { form, checkpoint } = proof;
  if (hash("sha256", form.map(([key, value]) => frame(key) + frame(value)).join("")) !== proof.event_hash) return "the record's hash is not the one of its content";
  const said = new Map(form);
  const [producer, seq] = [said.get(SB_AUDIT_PRODUCER), Number(said.get(SB_AUDIT_SEQ))];
  if (producer !== checkpoint.producer || callId({ producer, seq }) !== proof.event_id) return "the record is another call's";
  const first = Number(checkpoint.first_seq);
  const size = Number(checkpoint.last_seq) - first + 1;
  if (!(seq >= first && seq < first + size)) return "the checkpoint does not cover the record's number";
  const root = rootOfPath(Buffer.from(proof.event_hash, "hex"), seq - first, size, proof.path.map((one) => Buffer.from(one, "hex")));
  if (root?.toString("hex") !== checkpoint.merkle_root) return "the path does not lead to the checkpoint's root";

  const keys: KnownKeys = new Map();
  for (const statement of proof.keys) {
    const problem = entryProblem(statement, keys);
    if (problem) return `key statement ${statement.event_id}: ${problem}`;
  }
  if (![...keys.values()].includes(publicKey)) return "the key that is trusted is none of the log's keys";
  const problem = entryProblem(checkpoint, keys);
  return problem && `checkpoint ${checkpoint.event_id}: ${problem}`;
}

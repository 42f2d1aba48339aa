import { SignalboxError } from "../kernel/errors.ts";
import { seal, unseal } from "../kernel/seal.ts";
import type { PayloadKey } from "./keys.ts";
import { rowFacts, type Payload, type PayloadRow } from "./payload.ts";

/** A payload as the row that is kept. With a key, its body is Base64 of nonce, tag and AES-256-GCM ciphertext. */
export function toRow(payload: Payload, key: PayloadKey | null): PayloadRow {
  const facts = rowFacts(payload);
  if (key === null) return { ...facts, key_id: "", body: payload.bytes.toString("utf8") };
  const sealed = seal(key.bytes, boundTo({ ...facts, key_id: key.id }), payload.bytes);
  return { ...facts, key_id: key.id, body: sealed.toString("base64") };
}

/** The text of an encrypted row. Throws E_PAYLOAD_SEALED where the key does not open it. */
export function openBody(row: PayloadRow, key: PayloadKey): string {
  try {
    return unseal(key.bytes, boundTo(row), Buffer.from(row.body, "base64")).toString("utf8");
  } catch (cause) {
    throw new SignalboxError("E_PAYLOAD_SEALED", `the key ${key.id} does not open the ${row.kind} of ${row.producer}-${row.seq}: it is not the key that this was encrypted with, or the row was changed`, {
      remedy: "payloads.encryption.keys must name each key that was ever used, under the id that it had then",
      cause,
    });
  }
}

/** A body that is moved to another call, or called whole when it was cut, does not open any more. */
function boundTo({ producer, seq, kind, content_type, size, truncated, key_id }: Omit<PayloadRow, "body">): Buffer {
  return Buffer.from(["signalbox-payload/1", producer, seq, kind, content_type, size, String(truncated), key_id].join("\0"));
}

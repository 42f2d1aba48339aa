import { ClickHouseError } from "@clickhouse/client";
import { SignalboxError } from "../kernel/errors.ts";
import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import { openBody } from "./cipher.ts";
import type { PayloadKey } from "./keys.ts";
import type { PayloadRow } from "./payload.ts";

const payloadSql = loadSql(new URL("./payload.sql", import.meta.url));

/** ACCESS_DENIED of a server, and what the embedded store's row policy throws. */
const REFUSALS: readonly string[] = ["497", "395"];

/** A row with its body as text, whatever it was encrypted with. */
export interface KeptPayload extends Omit<PayloadRow, "body"> {
  readonly text: string;
}

/** What was kept of a call. Rejects with E_PAYLOAD_RIGHTS, and with E_PAYLOAD_KEY or E_PAYLOAD_SEALED where it can't be opened. */
export async function readPayloads(options: { store: Store; producer: string; seq: number; keyOf: (id: string) => Promise<PayloadKey> }): Promise<KeptPayload[]> {
  const { store, producer, seq, keyOf } = options;
  const rows = await store.query<PayloadRow>(payloadSql, { producer, seq }).catch((error: unknown) => {
    throw error instanceof ClickHouseError && REFUSALS.includes(error.code) ? noRights(error) : error;
  });
  const kept: KeptPayload[] = [];
  // One after the other: of several that can't be opened the first is told, whichever is read faster.
  for (const { body, ...facts } of rows) kept.push({ ...facts, text: facts.key_id === "" ? body : openBody({ ...facts, body }, await keyOf(facts.key_id)) });
  return kept;
}

function noRights(cause: unknown): SignalboxError {
  return new SignalboxError("E_PAYLOAD_RIGHTS", "the store's user in the configuration may not read payloads", {
    remedy: "set store.username to one with the role signalbox_payload_reader (`signalbox store users`); in the embedded store, to one whose access is full",
    cause,
  });
}

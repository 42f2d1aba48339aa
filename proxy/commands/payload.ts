import { parseCallId } from "../../collector/audit/prove.ts";
import { storeConfigSchema } from "../../collector/config.ts";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { payloadsConfigSchema } from "../../collector/payload/config.ts";
import { keyById } from "../../collector/payload/keys.ts";
import { readPayloads, type KeptPayload } from "../../collector/payload/read.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { safeJson, safeLine, safeText } from "../people/safe-text.ts";

/** `signalbox payload`: what was kept of what a call said. */
export const registerPayload: RegisterCommands = (program, context) => {
  program
    .command("payload")
    .description("print what was kept of a call's arguments and result, where the registry asks for that; decrypts it with the configured keys")
    .argument("<call id>", "such as px-0a6f4163-6")
    .option("--json", "print it as JSON, word for word")
    .action(async (call: string, { json = false }: { json?: boolean }) => {
      const kept = await read(context, call);
      if (json) return context.print(safeJson(JSON.stringify(kept)));
      for (const line of kept.flatMap(describe)) context.print(line);
    });
};

async function read(context: CommandContext, call: string): Promise<KeptPayload[]> {
  const { producer, seq } = parseCallId(call);
  const source = context.config();
  const config = source.section("payloads", payloadsConfigSchema);
  const { url, username, password, database } = source.section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "payload" });
  try {
    const kept = await readPayloads({ store, producer, seq, keyOf: (id) => keyById(config, id, source.baseDir, context.env) });
    if (kept.length > 0) return kept;
    throw new SignalboxError("E_PAYLOAD_NONE", `nothing was kept of what ${call} said`, {
      remedy: "what calls say is kept only of servers whose registry entry has `payloads`, as long as store.retention.payloads says, and reaches the store some seconds after the call; dropped_payloads counts what could not be kept",
    });
  } finally {
    await store.close();
  }
}

/** What agents and servers wrote may be written to deceive whoever reads it: nothing in it acts on the terminal. */
function describe({ kind, producer, seq, ts, server, method, tool, content_type, size, truncated, key_id, text }: KeptPayload): string[] {
  const { text: shown, hidden } = safeText(text, Infinity);
  const notes = [
    `${size} bytes`,
    safeLine(content_type),
    ...(truncated ? ["TRUNCATED: this is its beginning"] : []),
    ...(key_id === "" ? [] : [`encrypted with ${key_id}`]),
    ...(hidden > 0 ? [`${hidden} hidden characters are shown as ⟦U+...⟧`] : []),
  ];
  const what = [method, tool].filter((part) => part !== "").map((part) => safeLine(part)).join(" ");
  return [`${kind} of ${producer}-${seq} (${what} on ${server}, ${ts}): ${notes.join(", ")}`, ...shown.split("\n").map((line) => `  ${line}`), ""];
}

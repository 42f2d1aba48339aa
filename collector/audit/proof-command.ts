import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { storeConfigSchema } from "../config.ts";
import type { CommandContext } from "../kernel/command.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { createStoreClient } from "../store/client.ts";
import { publicKeyText, readPublicKey, recordsOf } from "./checkpoint/entry.ts";
import { auditDir, logFile } from "./checkpoint/files.ts";
import { openCheckpointLog } from "./checkpoint/log.ts";
import { proofProblem, proofSchema } from "./checkpoint/proof.ts";
import { prove } from "./prove.ts";

/** `signalbox audit prove` and `check-proof`. */
export function registerProofs(audit: Command, context: CommandContext): void {
  audit
    .command("prove")
    .description("write a file that proves one call's record to anybody who has a public key of the log")
    .argument("<call id>", "such as px-0a6f4163-6")
    .option("--out <file>", "where to write it (default: standard output)")
    .option("--checkpoints <file>", "the checkpoint log, or an anchor's copy of it (default: the one in the data directory)")
    .option("--store-url <url>", "the store's HTTP interface (default: the configured one)")
    .action(async (call: string, flags: { out?: string; checkpoints?: string; storeUrl?: string }) => {
      const config = context.config();
      const { url, username, password, database } = config.section("store", storeConfigSchema);
      const store = createStoreClient({ url: flags.storeUrl ?? url, username, password, database, caller: "audit-prove" });
      try {
        const proof = await prove({ store, logFile: flags.checkpoints ? resolve(flags.checkpoints) : logFile(auditDir(config.dataDir)), call });
        const text = JSON.stringify(proof, null, 2);
        if (!flags.out) return context.print(text);
        await writeFile(resolve(flags.out), `${text}\n`);
        context.print(`${proof.event_id} is proved by ${flags.out}: one of ${recordsOf(proof.checkpoint)} records under checkpoint ${proof.checkpoint.event_id}, signed ${proof.checkpoint.occurred_at}.`);
      } finally {
        await store.close();
      }
    });
  audit
    .command("check-proof")
    .description("check a proof, without the store and without the data directory; exit code 1 when it proves nothing")
    .argument("<file>", "what `audit prove` wrote")
    .requiredOption("--key <public key>", "a public key that is trusted: a file of it, or its text")
    .action(async (file: string, flags: { key: string }) => {
      const key = await readTrustedKey(flags.key);
      const parsed = proofSchema.safeParse(await readJson(resolve(file)));
      const problem = parsed.success ? proofProblem(parsed.data, key) : `it is not a proof: ${parsed.error.issues[0]?.message ?? ""}`;
      if (problem || !parsed.data) throw new SignalboxError("E_AUDIT_PROOF", `${file} proves nothing: ${problem}`);
      const { event_id, checkpoint } = parsed.data;
      context.print(`${event_id} was recorded as the proof says, and signed ${checkpoint.occurred_at} with ${recordsOf(checkpoint) - 1} others (${checkpoint.event_id}).`);
    });
}

/** `signalbox audit keys`. */
export function registerAuditKeys(audit: Command, context: CommandContext): void {
  const keys = audit.command("keys").description("the keys that sign checkpoints");
  const open = () => openCheckpointLog(auditDir(context.config().dataDir), context.clock);
  keys
    .command("list")
    .description("every key that ever signed, the one in force last")
    .action(async () => {
      for (const { public_key_id, public_key, occurred_at } of (await (await open()).state()).keys) context.print(`${public_key_id}  since ${occurred_at}  ${public_key}`);
    });
  keys
    .command("export")
    .description("print the public key in force, for who will check proofs; keep it where the data directory's owner can't change it")
    .action(async () => context.print((await (await open()).state()).keys.at(-1)?.public_key ?? ""));
  keys
    .command("rotate")
    .description("make a new key, vouched for by the one in force, which is destroyed; a running proxy signs with the new one from then on")
    .action(async () => {
      const { key_id, public_key_id, event_id } = await (await open()).rotate();
      context.print(`key ${public_key_id} signs in place of ${key_id} (${event_id})`);
    });
}

/** A key as `keys export` prints it, or in PEM, in a file or as it is. */
export async function readTrustedKey(given: string): Promise<string> {
  const text = (await readFile(resolve(given), "utf8").catch(() => given)).trim();
  try {
    return text.startsWith("-----") ? publicKeyText(text) : publicKeyText(readPublicKey(text));
  } catch (cause) {
    throw new SignalboxError("E_AUDIT_KEY", `${given} is neither a public key nor a file of one`, { cause, remedy: "use what `signalbox audit keys export` prints" });
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8");
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { CommandContext, RegisterCommands } from "../kernel/command.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { storeConfigSchema } from "../config.ts";
import { createStoreClient } from "../store/client.ts";
import { auditDir, logFile, outboxDir } from "./checkpoint/files.ts";
import { PRODUCER_FILE } from "./layout.ts";
import { readTrustedKey, registerAuditKeys, registerProofs } from "./proof-command.ts";
import { openSpoolReader, type SpoolReader } from "./reader.ts";
import { sinceMsOf } from "./time.ts";
import { verify, type VerifyOptions } from "./verify.ts";
import { describeReport, type VerifyReport } from "./verify-report.ts";

interface VerifyFlags {
  readonly since?: string;
  readonly producer?: string;
  readonly spool?: string;
  readonly checkpoints?: string;
  readonly key?: string;
  readonly storeUrl?: string;
  readonly store: boolean;
  readonly json?: boolean;
}

/** Every row is read and hashed; a store of many millions takes minutes on a small machine. */
const QUERY_TIMEOUT_MS = 3_600_000;

export const registerAudit: RegisterCommands = (program, context) => {
  const audit = program.command("audit").description("prove that the register is complete and unchanged");
  registerVerify(audit, context);
  registerProofs(audit, context);
  registerAuditKeys(audit, context);
};

function registerVerify(audit: Command, context: CommandContext): void {
  audit
    .command("verify")
    .description("check every record's hash, the chain, the checkpoints' signatures, the derived tables, and that spool and store agree; exit code 1 when they don't")
    .option("--since <time>", "from the last checkpoint before then on: an ISO time, or an age such as 90m, 24h, 7d")
    .option("--producer <id>", "only this producer's records")
    .option("--spool <dir>", "a spool directory, or a folder of them (default: spool in the data directory)")
    .option("--checkpoints <file>", "a checkpoint log, or an anchor's copy of it (default: the one in the data directory)")
    .option("--key <public key>", "a public key that the log must have signed with: a file of it, or its text")
    .option("--store-url <url>", "the store's HTTP interface (default: the configured one)")
    .option("--no-store", "check spools and the checkpoint log only")
    .option("--json", "print the report as JSON")
    .action(async (flags: VerifyFlags) => {
      const { dataDir } = context.config();
      const spools = await openSpools(flags.spool ? resolve(flags.spool) : join(dataDir, "spool"), flags);
      const checkpoints = await checkpointsOf(dataDir, flags);
      const sinceMs = sinceMsOf(flags.since, context.clock);
      const { url, username, password, database } = context.config().section("store", storeConfigSchema);
      const store = flags.store
        ? createStoreClient({ url: flags.storeUrl ?? url, username, password, database, caller: "audit-verify", requestTimeoutMs: QUERY_TIMEOUT_MS })
        : null;
      let report: VerifyReport;
      try {
        report = await verify({ spools, store, checkpoints, sinceMs, producer: flags.producer ?? "", clock: context.clock });
      } finally {
        await store?.close();
      }
      if (flags.json) context.print(JSON.stringify(report));
      else for (const line of describeReport(report)) context.print(line);
      if (!report.ok) throw new SignalboxError("E_AUDIT_VERIFY", "the register is not as it was recorded");
    });
}

async function checkpointsOf(dataDir: string, flags: VerifyFlags): Promise<VerifyOptions["checkpoints"]> {
  const file = flags.checkpoints ? resolve(flags.checkpoints) : logFile(auditDir(dataDir));
  const named = flags.checkpoints !== undefined || flags.key !== undefined;
  if (named && !existsSync(file)) throw new SignalboxError("E_AUDIT_NO_LOG", `there is no checkpoint log at ${file}`);
  const trusted = flags.key ? await readTrustedKey(flags.key) : null;
  // How far the anchors are says something about the log in the data directory alone.
  return { logFile: file, trusted, outboxes: flags.checkpoints ? null : outboxDir(auditDir(dataDir)) };
}

/** The spools in or under `dir`. None is an error only for who asked for one by name. */
async function openSpools(dir: string, flags: VerifyFlags): Promise<SpoolReader[]> {
  const here = existsSync(join(dir, PRODUCER_FILE)) ? [dir] : [];
  const names = existsSync(dir) ? await readdir(dir) : [];
  const below = names.map((name) => join(dir, name)).filter((path) => existsSync(join(path, PRODUCER_FILE)));
  const readers = await Promise.all([...here, ...below].sort().map(openSpoolReader));
  if (readers.length === 0 && flags.spool) throw new SignalboxError("E_AUDIT_NO_SPOOL", `there is no spool in ${dir}`);
  return readers.filter((reader) => !flags.producer || reader.producer === flags.producer);
}

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import type { RegisterCommands } from "../kernel/command.ts";
import { SignalboxError } from "../kernel/errors.ts";
import { storeConfigSchema } from "../config.ts";
import { createStoreClient, type Store } from "../store/client.ts";
import { PRODUCER_FILE } from "./layout.ts";
import { openSpoolReader, type SpoolReader } from "./reader.ts";
import { describeReport, Findings, type VerifyReport } from "./verify-report.ts";
import { verifySpool } from "./verify-spool.ts";
import { verifyCalls, verifyJoin, verifyMinutes, verifyRows, type Scope } from "./verify-store.ts";

interface VerifyFlags {
  readonly since?: string;
  readonly producer?: string;
  readonly spool?: string;
  readonly storeUrl?: string;
  readonly store: boolean;
  readonly json?: boolean;
}

const MAX_FAILURES = 50;

export const registerAudit: RegisterCommands = (program, context) => {
  const audit = program.command("audit").description("prove that the register is complete and unchanged");
  audit
    .command("verify")
    .description("check every record's hash, the chain, the derived tables, and that spool and store agree; exit code 1 when they don't")
    .option("--since <time>", "only calls received since: an ISO time, or an age such as 90m, 24h, 7d")
    .option("--producer <id>", "only this producer's records")
    .option("--spool <dir>", "a spool directory, or a folder of them (default: spool in the data directory)")
    .option("--store-url <url>", "the store's HTTP interface (default: the configured one)")
    .option("--no-store", "check spools only")
    .option("--json", "print the report as JSON")
    .action(async (flags: VerifyFlags) => {
      const spools = await openSpools(flags.spool ? resolve(flags.spool) : join(context.config().dataDir, "spool"), flags);
      const { url, username, password, database } = context.config().section("store", storeConfigSchema);
      const store = flags.store ? createStoreClient({ url: flags.storeUrl ?? url, username, password, database, caller: "audit-verify" }) : null;
      let report: VerifyReport;
      try {
        const scope = { since: sinceOf(flags.since, context.clock), producer: flags.producer ?? "" };
        report = await verify({ spools, store, scope, clock: context.clock });
      } finally {
        await store?.close();
      }
      if (flags.json) context.print(JSON.stringify(report));
      else for (const line of describeReport(report)) context.print(line);
      if (!report.ok) throw new SignalboxError("E_AUDIT_VERIFY", "the register is not as it was recorded");
    });
};

/** Runs every check that there is something for; throws only when it could not look. */
export async function verify(options: {
  spools: readonly SpoolReader[];
  store: Store | null;
  scope: Scope;
  clock: Clock;
  maxFailures?: number;
}): Promise<VerifyReport> {
  const { spools, store, scope, clock } = options;
  const startedNs = clock.monotonicNs();
  const findings = new Findings(options.maxFailures ?? MAX_FAILURES);
  for (const spool of spools) await verifySpool(spool, findings);
  if (store) {
    await verifyRows(store, scope, findings);
    await verifyCalls(store, scope, findings);
    if (scope.producer === "") await verifyMinutes(store, scope, findings);
    for (const spool of spools) await verifyJoin(store, spool, findings);
  }
  return findings.report(Number((clock.monotonicNs() - startedNs) / 1_000_000n));
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

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As the store's parameters have it: `YYYY-MM-DD hh:mm:ss.mmm` in UTC. */
export function sinceOf(text: string | undefined, clock: Clock): string {
  const age = /^(\d+)([mhd])$/.exec(text ?? "");
  // A day after the epoch, because verify-rows.sql looks a day further back and no time is before the epoch.
  const written = text === undefined ? 86_400_000 : Date.parse(text);
  const ms = age ? clock.nowMs() - Number(age[1]) * (UNIT_MS[age[2] as string] as number) : written;
  if (Number.isNaN(ms)) {
    throw new SignalboxError("E_AUDIT_SINCE", `cannot read ${text} as a time`, { remedy: "use 2026-01-31T08:00:00Z or an age such as 24h" });
  }
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

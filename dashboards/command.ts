import { writeFile } from "node:fs/promises";
import { Option } from "commander";
import type { CommandContext, RegisterCommands } from "../collector/kernel/command.ts";
import { SignalboxError } from "../collector/kernel/errors.ts";
import { storeConfigSchema } from "../collector/config.ts";
import { createStoreClient, type Store } from "../collector/store/client.ts";
import { runBackend } from "./backend.ts";
import { dashboardsConfigSchema } from "./config.ts";
import { explainCall } from "./explain.ts";
import { explanationLines } from "./explain-print.ts";
import { buildReport } from "./reports/build.ts";
import { renderReport, type ReportFormat } from "./reports/render.ts";
import { readRange } from "./range.ts";

export const registerDashboards: RegisterCommands = (program, context) => {
  program
    .command("backend")
    .description("run the analytics jobs, the alerts and the console until stopped")
    .option("--host <host>")
    .option("--port <port>", "port of the console; 0 takes any free one")
    .action(async (flags: { host?: string; port?: string }) => {
      await runBackend(context, { ...(flags.host ? { host: flags.host } : {}), ...(flags.port ? { port: Number(flags.port) } : {}) });
      // What is left then is a connection or a timer of a query that was given up; it must not hold the process.
      setTimeout(() => process.exit(), 200).unref();
    });
  program
    .command("report")
    .description("compute the leadership report of a period (default: as many days as a scheduled one covers, up to now)")
    .option("--from <time>", "ISO time")
    .option("--to <time>", "ISO time")
    .addOption(new Option("--format <format>").choices(["md", "html", "json"]).default("md"))
    .option("--out <file>", "write it there instead of printing it")
    .action((flags: { from?: string; to?: string; format: ReportFormat; out?: string }) => withStore(context, (store) => report(context, store, flags)));
  program
    .command("explain <call-id>")
    .description("say in words why a call was decided as it was, from what was recorded then")
    .option("--json", "print everything that is known as JSON")
    .addHelpText("after", "\nExample:\n  signalbox explain proxy-7f3a-1042\n")
    .action((id: string, flags: { json?: boolean }) =>
      withStore(context, async (store) => {
        const explanation = await explainCall(store, id);
        if (flags.json) return context.print(JSON.stringify(explanation, null, 2));
        for (const line of explanationLines(explanation)) context.print(line);
      }),
    );
};

async function report(context: CommandContext, store: Store, flags: { from?: string; to?: string; format: ReportFormat; out?: string }): Promise<void> {
  const { reports } = context.config().section("dashboards", dashboardsConfigSchema);
  const nowMs = context.clock.nowMs();
  if ([flags.from, flags.to].some((t) => t !== undefined && !Number.isFinite(Date.parse(t)))) {
    throw new SignalboxError("E_TIME", "--from and --to are ISO times", { remedy: "write them as 2026-03-02T00:00:00Z" });
  }
  const range = readRange({ ...(flags.from ? { from: flags.from } : {}), ...(flags.to ? { to: flags.to } : {}) }, nowMs, reports.days * 24 * 3600_000);
  const text = renderReport(await buildReport({ store, nowMs, timeZone: reports.timeZone }, range), flags.format);
  if (flags.out === undefined) return context.print(text.trimEnd());
  await writeFile(flags.out, text);
  context.print(flags.out);
}

async function withStore<T>(context: CommandContext, work: (store: Store) => Promise<T>): Promise<T> {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "dashboards" });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

import { CronJob } from "cron";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { DashboardsConfig } from "../config.ts";
import { buildReport, type ReportDeps } from "./build.ts";
import { lastPeriod, offsetMs } from "./period.ts";
import { renderReport, type ReportFormat } from "./render.ts";
import type { Report } from "./report.ts";

/** `leadership-2026-03-02-2026-03-09`: the report and its period; a second delivery of the same replaces the first. */
export const reportName = /^[a-z]+-\d{4}-\d{2}-\d{2}-\d{4}-\d{2}-\d{2}$/;
const formats: readonly ReportFormat[] = ["json", "md", "html"];

export function nameOf(report: Report): string {
  const date = (at: string) => new Date(Date.parse(at) + offsetMs(Date.parse(at), report.timeZone)).toISOString().slice(0, 10);
  return `${report.id}-${date(report.from)}-${date(report.to)}`;
}

/** Writes every format; the JSON last, so that a report that is listed is whole. */
export async function deliverReport(dir: string, report: Report): Promise<string> {
  await mkdir(dir, { recursive: true });
  const name = nameOf(report);
  for (const format of [...formats].reverse()) {
    const path = join(dir, `${name}.${format}`);
    await writeFile(`${path}.part`, renderReport(report, format));
    await rename(`${path}.part`, path);
  }
  return name;
}

export async function listReports(dir: string): Promise<{ name: string; id: string; from: string; to: string }[]> {
  const names = await readdir(dir).catch(() => []);
  return names
    .filter((n) => n.endsWith(".json") && reportName.test(n.slice(0, -5)))
    .map((n) => n.slice(0, -5))
    .sort((a, b) => b.slice(-10).localeCompare(a.slice(-10)))
    .slice(0, 100)
    .map((name) => ({ name, id: name.split("-")[0]!, from: name.slice(-21, -11), to: name.slice(-10) }));
}

/** Delivers by the calendar of the configured zone. A delivery that fails is tried again at the next minute, five times. */
export function scheduleReports(deps: Omit<ReportDeps, "nowMs" | "timeZone"> & { clock: Clock; config: DashboardsConfig["reports"]; dir: string; logger: Logger }): Stoppable {
  const { clock, config, dir, logger } = deps;
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;
  const run = async (triesLeft: number): Promise<void> => {
    try {
      const nowMs = clock.nowMs();
      const report = await buildReport({ ...deps, nowMs, timeZone: config.timeZone }, lastPeriod(nowMs, config));
      logger.info({ report: await deliverReport(dir, report) }, "report delivered");
    } catch (error) {
      logger.error({ err: error, triesLeft }, "report not delivered");
      if (triesLeft > 0 && !stopped) retry = setTimeout(() => void run(triesLeft - 1), 60_000);
    }
  };
  const job = config.enabled ? CronJob.from({ cronTime: config.schedule, timeZone: config.timeZone, onTick: () => void run(5), start: true }) : undefined;
  return {
    async stop() {
      stopped = true;
      clearTimeout(retry);
      await job?.stop();
    },
  };
}

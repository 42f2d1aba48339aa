import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { alertsConfigSchema, createAlerting, createNotifiers, loadRules, openIncident, packagedRulesDir, recordStep } from "../../alerts/index.ts";
import { analyticsConfigSchema, computeMetrics, createJobs, runJobsOver, writeMetrics, type Finding } from "../../analytics/index.ts";
import { manualClock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import type { Store } from "../../collector/store/client.ts";
import { buildReport } from "../../dashboards/reports/build.ts";
import { deliverReport } from "../../dashboards/reports/deliver.ts";
import type { Stack } from "../support/stack.ts";
import { demo } from "./tasks.ts";
import { startWebhookReceiver, type ReceivedAlert } from "./webhook-receiver.ts";

export interface DemoResult {
  readonly findings: readonly { readonly detector: string; readonly title: string }[];
  readonly alerts: readonly ReceivedAlert[];
  readonly metrics: readonly { readonly id: string; readonly value: string }[];
  readonly reportFile: string;
  /** True when each kind of finding was made and told, and all four numbers are there. */
  readonly complete: boolean;
}

const kinds: readonly Finding["detector"][] = ["denial_spike", "latency_drift", "unusual_sequence"];
const minute = 60_000;

/** What the backend does all day, done over the demo's three hours: jobs, alerts, one incident, one report. */
export async function analyse(options: {
  readonly store: Store;
  readonly stack: Stack;
  readonly startMs: number;
  readonly endMs: number;
  readonly say: (line: string) => void;
}): Promise<DemoResult> {
  const { store, stack, startMs, endMs, say } = options;
  const throughMs = endMs + 10 * minute;
  const jobs = createJobs(analyticsConfigSchema.parse({}));
  const { runs, findings } = await runJobsOver({ jobs, store, fromMs: startMs, toMs: throughMs });
  const failed = runs.filter((r) => r.status !== "ok");
  say("");
  say(`${runs.length} job runs, ${failed.length} failed; ${findings.length} findings:`);
  for (const run of failed.slice(0, 3)) say(`  ${run.job}: ${run.error}`);
  for (const f of findings) say(`  ${f.severity.padEnd(6)} ${f.detector.padEnd(17)} ${f.title}`);

  const alerts = await alert(options, throughMs);
  say("");
  say(`${alerts.length} signed webhooks received and verified:`);
  for (const a of alerts) say(`  ${a.type.padEnd(20)} ${a.title}`);

  await investigate(store, findings, endMs);
  // What the hourly job says next, now that an investigation has ended.
  await writeMetrics(store, await computeMetrics(store, { fromMs: throughMs - 7 * 24 * 60 * minute, toMs: throughMs }, throughMs));
  const range = { fromMs: startMs, toMs: throughMs };
  const report = await buildReport(
    {
      store,
      nowMs: throughMs,
      timeZone: "UTC",
      consoleUrl: stack.consoleUrl,
    },
    range,
  );
  const dir = join(stack.dataDir, "reports");
  const reportFile = join(dir, `${await deliverReport(dir, report)}.md`);
  const metrics = report.metrics.map((m) => ({ id: m.id, value: valueText(m) }));
  say("");
  say("The four numbers:");
  for (const m of metrics) say(`  ${m.id.padEnd(26)} ${m.value}`);
  const complete =
    metrics.length === 4 &&
    findings.some((f) => f.detector === "unusual_sequence" && f.agent === demo.hijack.agent) &&
    kinds.every((k) => findings.some((f) => f.detector === k) && alerts.some((a) => a.type === "mcp.alert.firing" && a.detector === k));
  return { findings: findings.map((f) => ({ detector: f.detector, title: f.title })), alerts, metrics, reportFile, complete };
}

function valueText(m: { value: number | null; unit: string; numerator: number; denominator: number }): string {
  if (m.value === null) return "no data";
  const text = m.unit === "percent" ? `${(m.value * 100).toFixed(1)} %` : `${m.value.toFixed(1)} ${m.unit}`;
  return `${text} (${m.numerator} of ${m.denominator})`;
}

/** Every five minutes of the demo's time a tick, as the backend's loop makes them; the receiver checks each signature. */
async function alert({ store, stack, startMs }: { store: Store; stack: Stack; startMs: number }, throughMs: number): Promise<readonly ReceivedAlert[]> {
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const receiver = await startWebhookReceiver(secret);
  const webhooks = [{ name: "sre", url: receiver.url, secret: "${env:DEMO_WEBHOOK_SECRET}", allowPrivate: true }];
  const config = { ...alertsConfigSchema.parse({ webhooks }), consoleUrl: stack.consoleUrl };
  // A receiver refuses signatures of the past, so this one thing happens at today's time.
  const notifiers = createNotifiers(config, { DEMO_WEBHOOK_SECRET: secret }).map((n) => ({
    ...n,
    deliver: (notification: Parameters<typeof n.deliver>[0]) => n.deliver(notification, Date.now()),
  }));
  const clock = manualClock(startMs);
  const alerting = createAlerting({ store, clock, config, logger: silentLogger, notifiers, rules: loadRules(packagedRulesDir) });
  try {
    for (let nowMs = startMs; nowMs <= throughMs + 5 * minute; nowMs += 5 * minute) await alerting.tick(nowMs);
  } finally {
    await alerting.stop();
    await receiver.stop();
  }
  return receiver.received;
}

/** A person looks into the hijack: the third number needs an investigation with its times. */
async function investigate(store: Store, findings: readonly Finding[], endMs: number): Promise<void> {
  const found = findings.findLast((f) => f.detector === "unusual_sequence" && f.agent === demo.hijack.agent);
  if (!found) return;
  const clock = manualClock(endMs);
  const at = (afterMs: number): void => clock.advanceMs(found.detectedAtMs + afterMs - clock.nowMs());
  at(2 * minute);
  const who = { actor: "investigator@example.com" };
  const id = await openIncident({ store, clock }, { ...who, title: found.title, severity: "page", initiator: "unknown", detectedAtMs: found.detectedAtMs });
  at(3 * minute);
  await recordStep({ store, clock }, id, { ...who, step: "acknowledged" });
  at(4 * minute);
  await recordStep({ store, clock }, id, { ...who, step: "investigation_started" });
  at(13 * minute);
  await recordStep({ store, clock }, id, {
    ...who,
    step: "cause_identified",
    initiator: "external_content",
    cause: "an instruction in a customer's ticket was obeyed",
    callIds: found.callIds,
  });
}

import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { actOnAlert, alertsConfigSchema, createAlerting, createNotifiers, listIncidents, loadRules, openIncident, packagedRulesDir, recordStep, type Alerting } from "../../../alerts/index.ts";
import { currentAlerts } from "../../../alerts/read.ts";
import { writeFindings } from "../../../analytics/index.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { callRow, spike } from "../dashboards/seed.ts";
import { startStore } from "../dashboards/console.ts";

const minute = 60_000;
const secret = `whsec_${randomBytes(32).toString("base64")}`;
const rules = loadRules(packagedRulesDir);
let db: Awaited<ReturnType<typeof startStore>>;
let receiver: Server;
let received: { headers: IncomingHttpHeaders; body: string }[] = [];
let answers: { status: number; headers?: Record<string, string> }[] = [];
let url = "";
// A day apart from each other, so that tests don't see each other's windows.
let nowMs = Date.UTC(2026, 2, 2, 10, 0);

beforeAll(async () => {
  db = await startStore();
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      const answer = answers.shift() ?? { status: 204 };
      response.writeHead(answer.status, answer.headers).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
});

beforeEach(() => {
  received = [];
  answers = [];
  nowMs += 20 * 24 * 60 * minute;
});

afterAll(async () => {
  receiver.close();
  await db.stop();
});

/** A fresh process: nothing is remembered but what the store has. */
function start(name: string): Alerting {
  const config = { ...alertsConfigSchema.parse({ webhooks: [{ name, url, secret: "${env:HOOK}", allowPrivate: true }] }), consoleUrl: "http://127.0.0.1:7080" };
  return createAlerting({ store: db.store, clock: manualClock(nowMs), config, logger: silentLogger, notifiers: createNotifiers(config, { HOOK: secret }), rules });
}

/** One evaluated window of the denial detector that ends `minutes` later, with or without a finding. */
async function window(minutes: number, breach: boolean): Promise<number> {
  const toMs = nowMs + minutes * minute;
  const fromMs = toMs - 5 * minute;
  if (breach) {
    await db.store.insert("calls", [callRow(toMs / minute, fromMs + 1000, { server: "github", tool: "create_issue", decision: "deny" })]);
    await writeFindings(db.store, [spike({ fromMs, toMs }, toMs, ["proxy-1-7"])]);
  }
  const iso = (ms: number) => new Date(ms).toISOString();
  await db.store.insert("job_runs", [{ job: "denial-spikes", run_id: `${toMs}`, window_start: iso(fromMs), window_end: iso(toMs), started_at: iso(toMs), finished_at: iso(toMs + 1), status: "ok", error: "", findings: 0, rows_read: 0, bytes_read: 0, duration_ms: 1 }]);
  return toMs;
}

/** Ends the test's episode, so that the next test opens its own. */
async function settle(alerting: Alerting): Promise<void> {
  let endMs = 0;
  for (const minutes of [120, 125, 130]) endMs = await window(minutes, false);
  await alerting.tick(endMs + 1);
  await alerting.stop();
}

const state = async (): Promise<string | undefined> => [...(await currentAlerts(db.store, nowMs - minute)).values()].find((a) => a.ruleId === "denial_spike" && a.updatedAtMs >= nowMs)?.state;

it("fires, tells a receiver that can prove who it was, and resolves after three clear windows", async () => {
  const alerting = start("whole-life");
  const first = await window(5, true);
  expect(await alerting.tick(first + 1)).toMatchObject({ transitions: 1, delivered: 1 });
  expect(await state()).toBe("firing");
  const firing = received[0]!;
  // The package checks the age against the machine's clock, so the signature alone is compared here.
  const sentAt = new Date(Number(firing.headers["webhook-timestamp"]) * 1000);
  expect(firing.headers["webhook-signature"]).toBe(new Webhook(secret).sign(String(firing.headers["webhook-id"]), sentAt, firing.body));
  const message = JSON.parse(firing.body) as { type: string; data: { alerts: { text: string; blastRadius: { denied: number } }[] } };
  expect(message.type).toBe("mcp.alert.firing");
  expect(message.data.alerts[0]!.text).toContain("Denials on github/create_issue");
  expect(message.data.alerts[0]!.blastRadius.denied).toBe(1);

  expect(await alerting.tick(first + 2)).toMatchObject({ transitions: 0, delivered: 0 });
  for (const minutes of [10, 15]) expect(await alerting.tick((await window(minutes, false)) + 1)).toMatchObject({ transitions: 0 });
  expect(await alerting.tick(first + 60 * minute)).toMatchObject({ transitions: 0, stale: expect.arrayContaining(["denial_spike"]) });
  expect(await state()).toBe("firing");
  expect(await alerting.tick((await window(70, false)) + 1)).toMatchObject({ transitions: 1, delivered: 1 });
  expect(JSON.parse(received[1]!.body)).toMatchObject({ type: "mcp.alert.resolved", data: { alerts: [{ change: { actual: 180 } }] } });
  await alerting.stop();
  await alerting.stop();
});

it("tries again after a failure with the same id, also when the process was started anew", async () => {
  answers = [{ status: 500 }, { status: 302, headers: { location: "http://127.0.0.1:1/" } }];
  const at = (await window(5, true)) + 1;
  const before = start("restart");
  expect(await before.tick(at)).toMatchObject({ transitions: 1, delivered: 0 });
  await before.stop();

  const after = start("restart");
  expect(await after.tick(at + 1_000)).toMatchObject({ delivered: 0 });
  expect(received).toHaveLength(1);
  await after.tick(at + 10_000);
  expect(received).toHaveLength(2);
  expect(await after.tick(at + 10 * minute)).toMatchObject({ delivered: 1 });
  expect(new Set(received.map((r) => r.headers["webhook-id"])).size).toBe(1);
  expect(new Set(received.map((r) => r.body)).size).toBe(1);
  expect(await after.tick(at + 20 * minute)).toMatchObject({ delivered: 0 });
  await settle(after);
});

it("delivers what was queued when a process ended between deciding and writing the state", async () => {
  const at = (await window(5, true)) + 1;
  const cut = { ...db.store, insert: async (table: string, rows: readonly object[]) => (table === "alert_events" ? Promise.reject(new Error("cut off")) : db.store.insert(table, rows)) };
  const config = { ...alertsConfigSchema.parse({ webhooks: [{ name: "cut", url, secret: "${env:HOOK}", allowPrivate: true }] }), consoleUrl: "http://127.0.0.1:7080" };
  const dying = createAlerting({ store: cut, clock: manualClock(nowMs), config, logger: silentLogger, notifiers: createNotifiers(config, { HOOK: secret }), rules });
  await expect(dying.tick(at)).rejects.toThrow("cut off");
  const next = start("cut");
  expect(await next.tick(at + 1000)).toMatchObject({ transitions: 1, delivered: 1 });
  expect(received).toHaveLength(1);
  await settle(next);
});

it("sends nothing more to a receiver that said it is gone", async () => {
  answers = [{ status: 410 }];
  const at = (await window(5, true)) + 1;
  const alerting = start("gone");
  await alerting.tick(at);
  await alerting.stop();
  const later = start("gone");
  for (const minutes of [10, 15, 20]) await window(minutes, false);
  expect(await later.tick(at + 30 * minute)).toMatchObject({ transitions: 1, delivered: 0 });
  expect(received).toHaveLength(1);
  await later.stop();
});

it("a silence quiets one alert until it ends; then it is told again", async () => {
  const alerting = start("silence");
  const at = (await window(5, true)) + 1;
  await alerting.tick(at);
  const id = [...(await currentAlerts(db.store, nowMs)).values()].find((a) => a.state === "firing" && a.updatedAtMs === at)!.alertId;
  const deps = { store: db.store, clock: manualClock(at + 1000) };
  await expect(actOnAlert(deps, id, "ana", { kind: "silence", reason: "", untilMs: at + minute })).rejects.toThrow(/reason/);
  expect(await actOnAlert(deps, id, "ana", { kind: "silence", reason: "planned work", untilMs: at + 10 * minute })).toBe("silenced");
  expect(await alerting.tick((await window(8, true)) + 1)).toMatchObject({ transitions: 0, delivered: 0 });
  expect(await alerting.tick((await window(20, true)) + 1)).toMatchObject({ transitions: 1, delivered: 1 });
  expect(await actOnAlert({ store: db.store, clock: manualClock(at + 30 * minute) }, id, "ana", { kind: "acknowledge", reason: "have it" })).toBe("acknowledged");
  await settle(alerting);
});

it("an incident's steps are appended in order, and its cause needs evidence", async () => {
  const deps = { store: db.store, clock: manualClock(nowMs) };
  const id = await openIncident(deps, { actor: "ana", title: "refusals on github", severity: "page", detectedAtMs: nowMs - minute });
  deps.clock.advanceMs(1000);
  await recordStep(deps, id, { step: "investigation_started", actor: "ana" });
  await expect(recordStep(deps, id, { step: "cause_identified", actor: "ana", cause: "a misled agent" })).rejects.toThrow(/evidence/);
  deps.clock.advanceMs(1000);
  await recordStep(deps, id, { step: "cause_identified", actor: "ana", cause: "a misled agent", callIds: ["proxy-1-7"], initiator: "external_content" });
  const mine = (await listIncidents(db.store)).find((i) => i.incidentId === id)!;
  expect(mine.title).toBe("refusals on github");
  expect(mine.steps.map((s) => s.step).sort()).toEqual(["cause_identified", "detected", "investigation_started", "opened"]);
  expect(mine.steps.find((s) => s.step === "detected")!.occurredAtMs).toBe(nowMs - minute);
});

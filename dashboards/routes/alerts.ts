import type { FastifyInstance } from "fastify";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { actOnAlert, parseAlert, silenceMinutes } from "../../alerts/index.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { readRange } from "../range.ts";
import { num, select } from "../rows.ts";
import type { RouteContext } from "./context.ts";

export interface AlertRow extends Record<string, unknown> {
  alert_id: string;
  alert: string;
}

const actionSchema = z.strictObject({ reason: z.string().trim().min(3, "a reason is required").max(500), actor: z.string().trim().min(1, "say who you are").max(100) });
const silenceSchema = actionSchema.extend({ minutes: z.int().min(1).max(7 * 24 * 60) });

const runbooks = fileURLToPath(new URL("../../alerts/runbooks", import.meta.url));

export function alertRoutes(app: FastifyInstance, context: RouteContext): void {
  const { readOnlyStore, store, clock } = context;

  app.get("/api/alerts", async (request) => {
    const range = readRange(request.query, clock.nowMs(), 7 * 24 * 3600_000);
    const rows = await select<AlertRow>(readOnlyStore, "alerts", { from_ms: range.fromMs, alert_id: "", limit: 500 });
    return { range, silenceMinutes, alerts: rows.map(alertListItem) };
  });

  app.get<{ Params: { id: string } }>("/api/alerts/:id", async (request) => {
    const { id } = request.params;
    const [rows, history, notifications] = await Promise.all([
      select<AlertRow>(readOnlyStore, "alerts", { from_ms: 0, alert_id: id, limit: 1 }),
      select<Record<string, unknown>>(readOnlyStore, "alert-history", { alert_id: id }),
      select<Record<string, unknown>>(readOnlyStore, "alert-notifications", { alert_id: id }),
    ]);
    if (!rows[0]) throw new SignalboxError("E_ALERT_UNKNOWN", `there is no alert ${id}`);
    return {
      ...alertListItem(rows[0]),
      silenceMinutes,
      history: history.map((h) => ({ atMs: num(h.at_ms), state: h.state, previousState: h.previous_state, actor: h.actor, reason: h.reason })),
      notifications: notifications.map((n) => ({ id: n.notification_id, atMs: num(n.at_ms), status: n.status, attempt: num(n.attempt), receiver: String(n.receiver).replace(/@[0-9a-f]{8}$/, ""), type: n.type, httpStatus: num(n.http_status), error: n.error })),
    };
  });

  app.post<{ Params: { id: string } }>("/api/alerts/:id/acknowledge", async (request) => {
    const { actor, reason } = actionSchema.parse(request.body);
    return { state: await actOnAlert({ store, clock }, request.params.id, actor, { kind: "acknowledge", reason }) };
  });

  app.post<{ Params: { id: string } }>("/api/alerts/:id/silence", async (request) => {
    const { actor, reason, minutes } = silenceSchema.parse(request.body);
    const untilMs = clock.nowMs() + minutes * 60_000;
    return { state: await actOnAlert({ store, clock }, request.params.id, actor, { kind: "silence", reason, untilMs }), untilMs };
  });

  app.get<{ Params: { name: string } }>("/runbooks/:name", async (request, reply) => {
    const { name } = request.params;
    if (!/^[a-z0-9-]+\.md$/.test(name)) return reply.code(404).send({ error: "no such runbook" });
    const text = await readFile(`${runbooks}/${name}`, "utf8").catch(() => null);
    if (text === null) return reply.code(404).send({ error: "no such runbook" });
    return reply.type("text/plain; charset=utf-8").send(text);
  });
}

export function alertListItem(r: AlertRow) {
  const until = num(r.silenced_until_ms);
  return {
    id: r.alert_id,
    ruleId: r.rule_id,
    state: r.state,
    severity: r.severity,
    title: r.title,
    labels: r.labels,
    actor: r.actor,
    reason: r.reason,
    startsAtMs: num(r.starts_at_ms),
    updatedAtMs: num(r.updated_at_ms),
    endsAtMs: num(r.ends_at_ms) || null,
    silencedUntilMs: r.state === "silenced" && until > 0 ? until : null,
    alert: parseAlert(r.alert),
  };
}

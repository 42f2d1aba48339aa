import type { Clock } from "../collector/kernel/clock.ts";
import type { Logger } from "../collector/kernel/log.ts";
import type { Stoppable } from "../collector/kernel/lifecycle.ts";
import { buildAlert, type Alert } from "./alert.ts";
import type { AlertingConfig } from "./config.ts";
import { labelsOf } from "./dedup.ts";
import { evaluateRule, type CurrentAlert, type Decided } from "./evaluate.ts";
import { alertEventRow, type AlertEvent } from "./events.ts";
import { groupAlerts } from "./group.ts";
import { createOutbox } from "./outbox.ts";
import type { Notifier } from "./notify/notifier.ts";
import { blastRadius, currentAlerts, evaluatedWindows, findingsBetween, firedBefore } from "./read.ts";
import { append, type Store } from "./rows.ts";
import type { Rule } from "./rule.ts";

export interface TickResult {
  readonly transitions: number;
  readonly delivered: number;
  /** Detectors whose newest evaluated window is too old: their alerts keep their state. */
  readonly stale: readonly string[];
}

export interface Alerting extends Stoppable {
  /** Evaluates every rule once and delivers what is due. A tick that comes while one runs joins it. */
  tick(nowMs: number): Promise<TickResult>;
  readonly rules: readonly Rule[];
}

/** As far back as any rule looks: 60 windows of an hour. */
const lookBackMs = 3 * 24 * 3600_000;
/** A silence may be this old and still in force, and a resolved episode still the latest of its fingerprint. */
const currentLookBackMs = 8 * 24 * 3600_000;

export function createAlerting(deps: {
  store: Store;
  clock: Clock;
  config: AlertingConfig;
  logger: Logger;
  notifiers: readonly Notifier[];
  rules: readonly Rule[];
}): Alerting {
  const { store, config, logger, notifiers, rules } = deps;
  const outbox = createOutbox({ store, notifiers, logger });
  const byId = new Map(rules.map((r) => [r.id, r]));
  let running: Promise<TickResult> | undefined;
  let stopped = false;
  let lastStale = "";

  const run = async (nowMs: number): Promise<TickResult> => {
    const sinceMs = nowMs - lookBackMs;
    const [windows, findings, current] = await Promise.all([evaluatedWindows(store, sinceMs, nowMs), findingsBetween(store, sinceMs, nowMs), currentAlerts(store, nowMs - currentLookBackMs)]);
    const decided: Decided[] = [];
    const stale: string[] = [];
    for (const rule of rules) {
      const ends = windows.get(rule.detector) ?? [];
      if (ends.length === 0 || nowMs - ends.at(-1)! > config.staleAfterMs) stale.push(rule.detector);
      const keep = ends.slice(-Math.max(rule.for.windows, rule.recover));
      const result = evaluateRule({ rule, windowEnds: keep, findings: findings.filter((f) => f.windowEndMs > (ends.at(-keep.length - 1) ?? 0)), current, nowMs, maxActive: config.maxActivePerRule });
      if (result.overCap > 0) logger.warn({ rule: rule.id, notOpened: result.overCap }, "too many active alerts of one rule");
      decided.push(...result.decided);
    }
    noteStale(stale);
    const transitions = await record(decided, nowMs);
    const sent = await outbox.drain(nowMs);
    return { transitions, delivered: sent.delivered, stale };
  };

  const noteStale = (stale: readonly string[]): void => {
    const now = stale.join(", ");
    if (now === lastStale) return;
    lastStale = now;
    if (now === "") logger.info("every detector is evaluated again");
    else logger.warn({ detectors: stale }, "detectors have evaluated nothing of late; their alerts keep their state");
  };

  /** Notifications are queued before the state is written: a crash in between decides again and finds them queued. */
  const record = async (decided: readonly Decided[], nowMs: number): Promise<number> => {
    const fired = await firedBefore(store, decided.filter((d) => d.to === "firing").map((d) => d.fingerprint), nowMs);
    const events: AlertEvent[] = [];
    const keys = new Map<string, string>();
    for (const d of decided) {
      const alert = await describe(d, fired.get(d.fingerprint) ?? 0, nowMs);
      if (alert === null) continue;
      keys.set(alert.alertId, `${alert.alertId}:${d.to}:${d.previous?.updatedAtMs ?? 0}`);
      events.push({
        alert,
        atMs: nowMs,
        previousState: d.from,
        actor: "signalbox",
        reason: d.reason,
        throughMs: d.throughMs,
        silencedUntilMs: d.previous?.silencedUntilMs ?? null,
        acknowledged: d.to !== "resolved" && d.from !== "inactive" && (d.previous?.acknowledged ?? false),
      });
    }
    if (events.length === 0) return 0;
    for (const group of groupAlerts(byId, events.map((e) => e.alert))) {
      await outbox.enqueue(group, group.alerts.map((a) => keys.get(a.alertId)!), nowMs);
    }
    await append(store, "alert_events", events.map(alertEventRow));
    for (const e of events) logger.info({ alert: e.alert.alertId, rule: e.alert.ruleId, from: e.previousState, to: e.alert.state }, "alert changed state");
    return events.length;
  };

  const describe = async (d: Decided, before: number, nowMs: number): Promise<Alert | null> => {
    const ended = d.to === "resolved" || d.to === "inactive";
    const endsAtMs = ended ? nowMs : null;
    const known = d.previous?.alert ?? null;
    if (d.finding === null) return known ? { ...known, state: d.to, updatedAtMs: nowMs, endsAtMs } : null;
    return buildAlert({
      rule: d.rule,
      finding: d.finding,
      identity: { alertId: d.alertId, fingerprint: d.fingerprint, labels: labelsOf(d.rule, d.finding) },
      state: d.to,
      startsAtMs: d.startsAtMs,
      updatedAtMs: nowMs,
      endsAtMs,
      blastRadius: d.to === "firing" ? await blastRadius(store, d.finding).catch(() => null) : (known?.blastRadius ?? null),
      firedBefore: before,
      consoleUrl: config.consoleUrl,
    });
  };

  return {
    rules,
    tick(nowMs) {
      if (stopped) return Promise.resolve({ transitions: 0, delivered: 0, stale: [] });
      return (running ??= run(nowMs).finally(() => (running = undefined)));
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      await Promise.all(notifiers.map((n) => n.stop()));
      await running?.catch(() => {});
    },
  };
}

export type { CurrentAlert };

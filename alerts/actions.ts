import type { Clock } from "../collector/kernel/clock.ts";
import { SignalboxError } from "../collector/kernel/errors.ts";
import { alertEventRow, fromCurrentRow, type CurrentRow } from "./events.ts";
import { append, select, type Store } from "./rows.ts";
import { afterAction, type AlertState, type PersonAction } from "./state.ts";

/**
 * A person acknowledges or silences one alert; its siblings keep notifying. Throws `E_ALERT_ACTION` with the reason where
 * it can't be done.
 */
export async function actOnAlert(deps: { store: Store; clock: Clock }, alertId: string, actor: string, action: PersonAction): Promise<AlertState> {
  const [row] = await select<CurrentRow>(deps.store, "one", { alert_id: alertId });
  const current = row ? fromCurrentRow(row) : null;
  if (!current?.alert) throw new SignalboxError("E_ALERT_UNKNOWN", `there is no alert ${alertId}`);
  const nowMs = deps.clock.nowMs();
  const next = afterAction(current.state, action, nowMs);
  if ("refused" in next) throw new SignalboxError("E_ALERT_ACTION", next.refused);
  await append(deps.store, "alert_events", [
    alertEventRow({
      alert: { ...current.alert, state: next.to, updatedAtMs: nowMs },
      // Later than the row it follows even within a millisecond, so that the latest row is this one.
      atMs: Math.max(nowMs, current.updatedAtMs + 1),
      previousState: current.state,
      actor,
      reason: next.reason,
      throughMs: current.throughMs,
      silencedUntilMs: action.kind === "silence" ? action.untilMs : current.silencedUntilMs,
      acknowledged: current.acknowledged || action.kind === "acknowledge",
    }),
  ]);
  return next.to;
}

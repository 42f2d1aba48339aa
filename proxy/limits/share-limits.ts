import type { Clock } from "../../collector/kernel/clock.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Control } from "../state/command.ts";
import { isOver } from "../tasks/decide.ts";
import type { Limiter, LimitNews } from "./limiter.ts";

const NEWS_MS = 100;
const SWEEP_MS = 60_000;

/**
 * Keeps one worker's limiter and the others' up with each other: news every 100 ms, and at once (`nudge`) when much of a
 * limit was taken. A worker that starts asks for what tasks have done before. Forgets tasks that are over.
 */
export function shareLimits(options: { limiter: Limiter; control: Control; clock: Clock; everyMs?: number }): Stoppable & { nudge(): void } {
  const { limiter, control, clock, everyMs = NEWS_MS } = options;
  const tell = (): void => {
    const news = limiter.takeNews();
    if (news) control.gossip("limits", news);
  };
  const unsubscribe = [
    control.onGossip("limits", (message) => limiter.hear(message as LimitNews, clock.nowMs())),
    control.onGossip("limits.hello", () => {
      for (const news of limiter.allNews()) control.gossip("limits", news);
    }),
  ];
  const sweep = (): void => {
    for (const state of control.state.tasks.values()) if (isOver(state, clock.nowMs()) !== null) limiter.forgetTask(state.task.taskId);
  };
  const timers = [setInterval(tell, everyMs).unref(), setInterval(sweep, SWEEP_MS).unref()];
  control.gossip("limits.hello", null);
  return {
    /** After every call that entered; costs nothing unless there is something urgent. */
    nudge() {
      if (limiter.urgent) tell();
    },
    stop() {
      for (const timer of timers) clearInterval(timer);
      for (const end of unsubscribe) end();
      tell();
      return Promise.resolve();
    },
  };
}

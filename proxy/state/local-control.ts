import { systemClock, type Clock } from "../../collector/kernel/clock.ts";
import { silentLogger, type Logger } from "../../collector/kernel/log.ts";
import type { Control, Deciders } from "./command.ts";
import type { ControlEntry } from "./control-event.ts";
import { ControlState } from "./control-state.ts";
import { ControlCore, type CoreJournal } from "./core.ts";
import { createDeciders } from "./deciders.ts";
import { Listeners } from "./listeners.ts";

export interface LocalControlOptions {
  readonly deciders?: Deciders;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** An open one, with the state that it was replayed into; without, nothing outlives the process. */
  readonly journal?: { readonly journal: CoreJournal; readonly state: ControlState };
}

/** The control state where there is one process: tests, and the proxy inside another program. There is nobody to gossip with. */
export function createLocalControl(options: LocalControlOptions = {}): Control {
  const { deciders = createDeciders({}), clock = systemClock, logger = silentLogger, journal } = options;
  const listeners = new Listeners<ControlEntry>();
  const core = new ControlCore({
    deciders,
    clock,
    logger,
    journal: journal?.journal ?? null,
    state: journal?.state ?? new ControlState(),
    onEntries: (entries) => entries.forEach((entry) => listeners.tell(entry)),
  });
  return {
    get state() {
      return core.state;
    },
    async submit(command, actor) {
      const outcome = await core.submit(command, actor);
      return outcome.ok ? { ...outcome.decided, workers: { applied: 1, total: 1 } } : outcome;
    },
    onEntry: (listener) => listeners.add(listener),
    gossip: () => {},
    onGossip: () => () => {},
  };
}

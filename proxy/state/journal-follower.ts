import { setTimeout as delay } from "node:timers/promises";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { Control, Decided } from "./command.ts";
import type { ControlEntry } from "./control-event.ts";
import { ControlState } from "./control-state.ts";
import { journalPath, journalStart, readEntries } from "./journal.ts";
import { Listeners } from "./listeners.ts";

/** How old the state may be: a stop is in force here as soon after it counts. */
const LOOK_MS = 250;

/**
 * The control state for a process that has no proxy above it: what the journal in `dir` says, read and never written. There
 * may be a proxy on the same directory, or none, or one later; nothing is decided here either way. Rejects with
 * E_CONTROL_JOURNAL for a journal that is damaged.
 */
export async function followJournal({ dir, logger }: { dir: string; logger: Logger }): Promise<Control & Stoppable> {
  const path = journalPath(dir);
  const state = new ControlState();
  const listeners = new Listeners<ControlEntry>();
  const over = new AbortController();
  let position = journalStart;

  async function look(): Promise<void> {
    try {
      for await (const part of readEntries(path, position)) {
        for (const entry of part.entries) state.apply(entry);
        position = part.position;
        for (const entry of part.entries) listeners.tell(entry);
      }
    } catch (error) {
      // Nothing was ever decided here.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  async function follow(): Promise<void> {
    while (!over.signal.aborted) {
      await delay(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined);
      await look().catch((error: unknown) => logger.error({ err: error }, "the control journal can't be read; what was in force stays so"));
    }
  }

  await look();
  const following = follow();
  return {
    state,
    submit: () => Promise.resolve(nobody),
    onEntry: (listener) => listeners.add(listener),
    gossip: () => undefined,
    onGossip: () => () => undefined,
    async stop() {
      over.abort();
      await following;
    },
  };
}

const nobody: Decided = {
  ok: false,
  status: 503,
  code: "E_CONTROL_AWAY",
  message: "there is no proxy here that could ask a person, or change anything",
  remedy: "connect through the proxy instead: signalbox stdio <server>",
};

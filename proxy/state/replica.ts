import type { Control, Decided } from "./command.ts";
import type { ControlEntry } from "./control-event.ts";
import { ControlState } from "./control-state.ts";
import { Listeners, Topics } from "./listeners.ts";
import type { Peer, ToPrimary, ToWorker } from "./peer.ts";
import { restorePart } from "./snapshot.ts";

export interface ControlReplica extends Control {
  /** Resolves when the whole state is here; rejects where the primary has gone or says nothing. Serve nothing before. */
  readonly ready: Promise<void>;
}

const ANSWER_MS = 5000;
const READY_MS = 15_000;
/** Commands of this worker that are unanswered; one more is refused. */
const MAX_PENDING = 1000;

/** A worker's copy of the control state. It decides nothing: commands go to the primary, entries come from there. */
export function createControlReplica(options: { primary: Peer<ToPrimary, ToWorker>; answerMs?: number }): ControlReplica {
  const { primary, answerMs = ANSWER_MS } = options;
  const state = new ControlState();
  const listeners = new Listeners<ControlEntry>();
  const topics = new Topics();
  const pending = new Map<number, (decided: Decided) => void>();
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => undefined);
  const slow = setTimeout(() => ready.reject(new Error(`the primary did not send the control state within ${READY_MS} ms`)), READY_MS);
  let gone = false;
  let lastId = 0;

  primary.onMessage((message) => {
    switch (message.control) {
      case "state":
        return restorePart(state, message.part);
      case "synced":
        state.seq = message.seq;
        clearTimeout(slow);
        return ready.resolve();
      case "entries":
        for (const entry of message.entries) state.apply(entry);
        primary.send({ control: "applied", seq: state.seq });
        for (const entry of message.entries) listeners.tell(entry);
        return;
      case "answer":
        return pending.get(message.id)?.(message.decided);
      case "gossip":
        return topics.tell(message.topic, message.message);
    }
  });
  primary.onGone(() => {
    gone = true;
    clearTimeout(slow);
    ready.reject(new Error("the primary has gone"));
    for (const answer of pending.values()) answer(away);
  });
  primary.send({ control: "hello" });

  return {
    state,
    ready: ready.promise,
    submit(command, actor) {
      if (gone || pending.size >= MAX_PENDING) return Promise.resolve(gone ? away : busy);
      const id = ++lastId;
      return new Promise((resolve) => {
        const timer = setTimeout(() => answer(silent), answerMs);
        const answer = (decided: Decided): void => {
          clearTimeout(timer);
          pending.delete(id);
          resolve(decided);
        };
        pending.set(id, answer);
        primary.send({ control: "submit", id, command, actor });
      });
    },
    onEntry: (listener) => listeners.add(listener),
    gossip(topic, message) {
      if (!primary.congested) primary.send({ control: "gossip", topic, message });
    },
    onGossip: (topic, listener) => topics.add(topic, listener),
  };
}

const away: Decided = { ok: false, status: 503, code: "E_CONTROL_AWAY", message: "the proxy's first process is gone; nothing can be changed until it is back" };
const busy: Decided = { ok: false, status: 503, code: "E_CONTROL_BUSY", message: "too many changes are waiting; try again shortly" };
const silent: Decided = {
  ok: false,
  status: 503,
  code: "E_CONTROL_TIMEOUT",
  message: "the proxy's first process did not answer in time",
  remedy: "the change may have been made all the same: look before you repeat it",
};

import type { Clock } from "../../collector/kernel/clock.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { Actor, Command, Control, Decided, Deciders } from "./command.ts";
import type { ControlEntry } from "./control-event.ts";
import { ControlState } from "./control-state.ts";
import { ControlCore } from "./core.ts";
import { openJournal, type Journal } from "./journal.ts";
import { Listeners, Topics } from "./listeners.ts";
import type { Peer, ToPrimary, ToWorker } from "./peer.ts";
import { snapshotParts } from "./snapshot.ts";

export interface ControlHub extends Control, Stoppable {
  readonly journal: Pick<Journal, "id" | "path" | "end">;
  /** A worker gets the state when it asks for it, and every entry from then on. */
  attach(worker: Peer<ToWorker, ToPrimary>): void;
}

export interface ControlHubOptions {
  /** Where the journal is. */
  readonly dir: string;
  readonly deciders: Deciders;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long an answer waits for the workers to have applied it. */
  readonly reachMs?: number;
}

interface Attached {
  readonly peer: Peer<ToWorker, ToPrimary>;
  /** It has the state and is told of every entry. */
  synced: boolean;
  applied: number;
}

interface Reaching {
  readonly seq: number;
  readonly done: () => void;
}

/** A worker answers within milliseconds; one that does not is hung, and an answer must not wait for it for long. */
const REACH_MS = 1000;

/** The control state in the primary, which alone decides and writes. Rejects as `openJournal` does. */
export async function createControlHub(options: ControlHubOptions): Promise<ControlHub> {
  const { deciders, clock, logger, reachMs = REACH_MS } = options;
  const state = new ControlState();
  const journal = await openJournal({ dir: options.dir, replay: (entry) => state.apply(entry) });
  const listeners = new Listeners<ControlEntry>();
  const topics = new Topics();
  const workers = new Set<Attached>();
  const reaching = new Set<Reaching>();
  let stopping: Promise<void> | undefined;

  const core = new ControlCore({
    deciders,
    clock,
    logger,
    journal,
    state,
    onEntries(entries) {
      for (const worker of workers) if (worker.synced) worker.peer.send({ control: "entries", entries });
      for (const entry of entries) listeners.tell(entry);
    },
  });

  const lagging = (seq: number): boolean => [...workers].some((w) => w.synced && w.applied < seq);

  /** Whoever waits for the workers is let go once none lags behind. */
  const lookAround = (): void => {
    for (const waiting of reaching) if (!lagging(waiting.seq)) waiting.done();
  };

  async function everywhere(seq: number): Promise<{ applied: number; total: number }> {
    if (lagging(seq)) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          reaching.delete(waiting);
          resolve();
        };
        const waiting: Reaching = { seq, done };
        const timer = setTimeout(done, reachMs);
        reaching.add(waiting);
      });
    }
    const synced = [...workers].filter((w) => w.synced);
    return { applied: synced.filter((w) => w.applied >= seq).length, total: synced.length };
  }

  async function submit(command: Command, actor: Actor): Promise<Decided> {
    const outcome = await core.submit(command, actor);
    if (!outcome.ok) return outcome;
    const { decided, seq } = outcome;
    return decided.events.length === 0 ? decided : { ...decided, workers: await everywhere(seq) };
  }

  function synchronise(worker: Attached): void {
    const now = core.state;
    for (const part of snapshotParts(now)) worker.peer.send({ control: "state", part });
    worker.peer.send({ control: "synced", seq: now.seq });
    worker.applied = now.seq;
    worker.synced = true;
  }

  function hear(worker: Attached, message: ToPrimary): void {
    switch (message.control) {
      case "hello":
        return core.settled(() => synchronise(worker));
      case "submit":
        return void submit(message.command, message.actor).then((decided) => worker.peer.send({ control: "answer", id: message.id, decided }));
      case "applied":
        worker.applied = message.seq;
        return lookAround();
      case "gossip":
        topics.tell(message.topic, message.message);
        for (const other of workers) if (other !== worker && other.synced && !other.peer.congested) other.peer.send(message);
    }
  }

  return {
    journal,
    get state() {
      return core.state;
    },
    submit,
    onEntry: (listener) => listeners.add(listener),
    gossip(topic, message) {
      for (const worker of workers) if (worker.synced && !worker.peer.congested) worker.peer.send({ control: "gossip", topic, message });
    },
    onGossip: (topic, listener) => topics.add(topic, listener),
    attach(peer) {
      const worker: Attached = { peer, synced: false, applied: 0 };
      workers.add(worker);
      peer.onMessage((message) => hear(worker, message));
      peer.onGone(() => {
        workers.delete(worker);
        lookAround();
      });
    },
    stop() {
      stopping ??= core.stop().then(() => journal.close());
      return stopping;
    },
  };
}

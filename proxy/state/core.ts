import { randomBytes } from "node:crypto";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { Actor, Command, Decided, Deciders } from "./command.ts";
import { controlEntrySchema, type ControlEntry } from "./control-event.ts";
import { ControlState } from "./control-state.ts";
import type { Journal } from "./journal.ts";

/** What a core needs of a journal; without one, the state is gone with the process. */
export type CoreJournal = Pick<Journal, "append" | "recover">;

export interface CoreOptions {
  readonly deciders: Deciders;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly journal: CoreJournal | null;
  /** What the journal held. */
  readonly state: ControlState;
  /** Called with entries that are durable, before their commands are answered. */
  readonly onEntries: (entries: readonly ControlEntry[]) => void;
}

type Accepted = Extract<Decided, { ok: true }>;
type Refused = Extract<Decided, { ok: false }>;

/** What a command came to, and the entry up to which a worker has to know to know of it. */
export type Outcome = Refused | { readonly ok: true; readonly decided: Accepted; readonly seq: number };

/** Commands that wait; beyond them, one more is refused. */
const MAX_WAITING = 2000;
/** As many share one write to the journal. */
const MAX_BATCH = 200;

interface Waiting {
  readonly run: ((entries: ControlEntry[]) => Outcome) | (() => void);
  readonly barrier: boolean;
  readonly done: (outcome: Outcome) => void;
}

/**
 * The one place where commands are decided: in order, each against the state that the ones before it left. Those that wait
 * together are decided together and made durable by one write. Should that write fail, all of them are refused, and the
 * state is what the journal says; the next command tries the journal again.
 */
export class ControlCore {
  readonly #options: CoreOptions;
  #state: ControlState;
  #waiting: Waiting[] = [];
  #working = false;
  #journalFailed = false;
  #stopped = false;

  constructor(options: CoreOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** Runs ahead of the journal by what is being written. */
  get state(): ControlState {
    return this.#state;
  }

  submit(command: Command, actor: Actor): Promise<Outcome> {
    if (this.#stopped) return Promise.resolve(stopping);
    if (this.#waiting.length >= MAX_WAITING) return Promise.resolve(busy);
    return new Promise((done) => this.#enqueue({ run: (entries) => this.#decide(command, actor, entries), barrier: false, done }));
  }

  /** Calls back when nothing is being written, so that the state is exactly what the journal holds. */
  settled(callback: () => void): void {
    this.#enqueue({ run: callback, barrier: true, done: () => {} });
  }

  /** What waits is refused; what is being written is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { done } of this.#waiting.splice(0)) done(stopping);
    if (this.#working) await new Promise<void>((resolve) => this.settled(resolve));
  }

  #enqueue(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (this.#working) return;
    this.#working = true;
    // Later, so that commands of the same turn share a write.
    queueMicrotask(() => void this.#work());
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const barrier = this.#waiting.findIndex((w) => w.barrier);
      if (barrier === 0) (this.#waiting.shift()!.run as () => void)();
      else await this.#commit(this.#waiting.splice(0, barrier < 0 ? MAX_BATCH : Math.min(barrier, MAX_BATCH)));
    }
    this.#working = false;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { journal, onEntries, logger } = this.#options;
    const entries: ControlEntry[] = [];
    let outcomes: readonly Outcome[];
    try {
      if (this.#journalFailed) await this.#recover();
      outcomes = batch.map(({ run }) => run(entries) as Outcome);
      if (entries.length > 0) await journal?.append(entries);
    } catch (error) {
      logger.error({ err: error }, "the control journal cannot be written; what was asked is refused");
      this.#journalFailed = true;
      await this.#recover().catch(() => {});
      for (const { done } of batch) done(unwritten);
      return;
    }
    try {
      if (entries.length > 0) onEntries(entries);
    } catch (error) {
      // They count all the same; a listener's fault must not stop what comes after them.
      logger.error({ err: error }, "a listener failed on control entries");
    }
    for (const [i, { done }] of batch.entries()) done(outcomes[i]!);
  }

  async #recover(): Promise<void> {
    const state = new ControlState();
    await this.#options.journal?.recover((entry) => state.apply(entry));
    this.#state = state;
    this.#journalFailed = false;
  }

  /** A decider that fails has decided nothing: the command is refused, and the others of its batch go on. */
  #decide(command: Command, actor: Actor, entries: ControlEntry[]): Outcome {
    const { deciders, clock, logger } = this.#options;
    const decider = Object.hasOwn(deciders, command.kind) ? deciders[command.kind] : undefined;
    if (!decider) return { ok: false, status: 400, code: "E_COMMAND", message: `there is no command ${command.kind.slice(0, 64)}` };
    const nowMs = clock.nowMs();
    let made: ControlEntry[];
    let decided: Decided;
    try {
      decided = decider(this.#state, command, { nowMs, actor, newId });
      if (!decided.ok) return decided;
      made = decided.events.map((event, i) => controlEntrySchema.parse({ seq: this.#state.seq + 1 + i, atMs: nowMs, by: actor.principal, event }));
    } catch (error) {
      logger.error({ err: error, kind: command.kind }, "a command could not be decided");
      return { ok: false, status: 503, code: "E_CONTROL", message: "the proxy failed to decide this" };
    }
    for (const entry of made) this.#state.apply(entry);
    entries.push(...made);
    return { ok: true, decided, seq: this.#state.seq };
  }
}

const newId = (prefix: string): string => `${prefix}-${randomBytes(5).toString("hex")}`;

const busy: Refused = { ok: false, status: 503, code: "E_CONTROL_BUSY", message: "too many changes are waiting; try again shortly" };
const stopping: Refused = { ok: false, status: 503, code: "E_CONTROL_STOPPING", message: "the proxy is stopping" };
const unwritten: Refused = {
  ok: false,
  status: 503,
  code: "E_CONTROL_JOURNAL",
  message: "the change could not be written down, so it was not made",
  remedy: "see the proxy's log; the disk may be full",
};

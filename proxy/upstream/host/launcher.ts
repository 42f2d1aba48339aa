import type { Clock } from "../../../collector/kernel/clock.ts";
import type { JsonObject } from "../../transport/envelope.ts";
import type { Child } from "./child.ts";

/** `about` is the id of the request that a message belongs to, where that is known and the message does not say it. */
export type OnMessage = (message: JsonObject, about?: unknown) => void;
/** Starts a process, or opens a connection. Throws where what the registry says can't be resolved. */
export type OpenChild = (onMessage: OnMessage) => Child;
/** Puts something between a child and whoever speaks to it. */
export type Between = (open: OpenChild, onMessage: OnMessage) => Child;

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;
/** A child that lives this long was not started in vain. */
const HEALTHY_MS = 5000;

/**
 * Starts the children of one server, at most so many at once, and with growing pauses while they end as soon as they
 * start. Throws what `open` throws.
 */
export class Launcher {
  readonly #open: OpenChild;
  readonly #maxProcesses: number;
  readonly #clock: Clock;
  readonly #children = new Set<Child>();
  #failures = 0;
  #notBeforeMs = 0;

  constructor(options: { open: OpenChild; maxProcesses: number; clock: Clock }) {
    this.#open = options.open;
    this.#maxProcesses = options.maxProcesses;
    this.#clock = options.clock;
  }

  /** Null while there are too many children, or while it is too early for another try. */
  start(onMessage: OnMessage, between?: Between): Child | null {
    const startedMs = this.#clock.nowMs();
    if (this.#children.size >= this.#maxProcesses || startedMs < this.#notBeforeMs) return null;
    const child = between ? between(this.#open, onMessage) : this.#open(onMessage);
    this.#children.add(child);
    void child.exited.then(() => {
      if (!this.#children.delete(child)) return;
      this.#ended(this.#clock.nowMs() - startedMs);
    });
    return child;
  }

  /** Stops a child that has served its purpose: its end is no failure. */
  async stop(child: Child): Promise<void> {
    this.#children.delete(child);
    await child.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.stop(child)));
  }

  #ended(livedMs: number): void {
    this.#failures = livedMs >= HEALTHY_MS ? 0 : this.#failures + 1;
    if (this.#failures === 0) return;
    this.#notBeforeMs = this.#clock.nowMs() + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1));
  }
}

import type { ServerResponse } from "node:http";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import type { Message } from "../../transport/envelope.ts";
import { OVERLOADED } from "../../transport/rpc-error.ts";
import type { Launcher } from "./launcher.ts";
import { replyError } from "./pending-answer.ts";
import { probeEra, type Probe } from "./probe.ts";
import { SharedChild } from "./shared-child.ts";

export interface SharedOptions {
  readonly idleMs: number;
  readonly probeMs: number;
  /** The transport is older than the newest revision: there is nothing to ask. */
  readonly isLegacy: boolean;
  readonly maxChildren: number;
}

/** The children that newest-era clients share: one for all of them, or one for each principal where the registry says so. */
export class SharedChildren implements Stoppable {
  readonly #launcher: Launcher;
  readonly #options: SharedOptions;
  readonly #children = new Map<string, SharedChild>();
  #probe: Promise<Probe> | null = null;

  constructor(launcher: Launcher, options: SharedOptions) {
    this.#launcher = launcher;
    this.#options = options;
  }

  /** `whose` is the principal, or the same for everybody. */
  async post(whose: string, message: Message, version: string, response: ServerResponse): Promise<void> {
    let child = this.#children.get(whose);
    if (!child) {
      if (this.#children.size >= this.#options.maxChildren) return replyError(response, 503, message.id, OVERLOADED, "No further process of this server can be started now.");
      const made: SharedChild = new SharedChild(this.#launcher, { idleMs: this.#options.idleMs, speaks: () => this.#speaks(), onLost: () => this.#forget(whose, made) });
      this.#children.set(whose, (child = made));
    }
    await child.post(message, version, response);
    this.#forget(whose, child);
  }

  /** There are as many as are in use. */
  #forget(whose: string, child: SharedChild): void {
    if (!child.inUse && this.#children.get(whose) === child) this.#children.delete(whose);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.stop()));
  }

  /** Asked once for all: what a program speaks is the same for everybody. */
  #speaks(): Promise<Probe> {
    if (this.#options.isLegacy) return Promise.resolve({ kind: "legacy" });
    this.#probe ??= probeEra(this.#launcher, this.#options.probeMs).then((probe) => {
      if (probe.kind === "unavailable") this.#probe = null;
      return probe;
    });
    return this.#probe;
  }
}

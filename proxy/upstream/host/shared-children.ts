import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Clock } from "../../../collector/kernel/clock.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import { clientCapabilities } from "../../era/bridge/revisions.ts";
import { CLIENT_CAPABILITIES_KEY, FIRST_MODERN, metaOf } from "../../era/classify.ts";
import type { Message } from "../../transport/envelope.ts";
import { NO_COMMON_ERA, OVERLOADED } from "../../transport/rpc-error.ts";
import type { CallHeaders } from "./child.ts";
import type { Between, Launcher } from "./launcher.ts";
import { MISDIRECTED } from "./hosted-path.ts";
import { replyError } from "./pending-answer.ts";
import { probeEra, type Probe } from "./probe.ts";
import { SharedChild } from "./shared-child.ts";

export interface SharedOptions {
  readonly idleMs: number;
  readonly probeMs: number;
  /** Of a server over HTTP, which may be another one the next day; a program stays what it is. */
  readonly probeTtlMs: number;
  /** The transport is older than the newest revision: there is nothing to ask. */
  readonly isLegacy: boolean;
  /** Only clients come here whose era the server does not speak. */
  readonly alwaysBridged: boolean;
  readonly maxChildren: number;
  /** Of sessions with a server of the older protocol. */
  readonly maxBridged: number;
  /** Makes a server of the older protocol one that clients of the newest revision can be served with. */
  readonly bridge: Between;
  readonly clock: Clock;
}

/** Whom a message is from: digests that its worker made. */
export interface Sender {
  readonly principal: string;
  readonly caller: string;
}

/**
 * The children that newest-era clients share: one for all of them, or one for each principal where the registry says so. A
 * server of the older protocol keeps a session's state, so there each caller has one of his own, for each set of capabilities
 * that his clients come with: what a session begins with is said once.
 */
export class SharedChildren implements Stoppable {
  readonly #launcher: Launcher;
  readonly #options: SharedOptions;
  readonly #children = new Map<string, SharedChild>();
  #probe: Promise<Probe> | null = null;
  #probedMs = 0;

  constructor(launcher: Launcher, options: SharedOptions) {
    this.#launcher = launcher;
    this.#options = options;
  }

  async post(from: Sender, message: Message, version: string, headers: CallHeaders, response: ServerResponse): Promise<void> {
    const probe = await this.#speaks(headers);
    if (response.destroyed) return;
    if (probe.kind === "unavailable") return replyError(response, 503, message.id, OVERLOADED, "No further process of this server can be started now.");
    const isBridged = probe.kind === "legacy";
    if (!isBridged && this.#options.alwaysBridged) return replyError(response, MISDIRECTED, message.id, NO_COMMON_ERA, "The server speaks this revision itself.");
    const whose = isBridged ? `${from.caller} ${capabilitiesOf(message)}` : from.principal;
    const child = this.#children.get(whose) ?? this.#add(whose, probe);
    if (child === null) return replyError(response, 503, message.id, OVERLOADED, "No further process of this server can be started now.");
    // The one that was used last is the last to make room for another.
    this.#children.delete(whose);
    this.#children.set(whose, child);
    child.post(message, version, headers, response);
    this.#forget(whose, child);
  }

  #add(whose: string, probe: Exclude<Probe, { kind: "unavailable" }>): SharedChild | null {
    const { idleMs, maxChildren, maxBridged, bridge } = this.#options;
    const isBridged = probe.kind === "legacy";
    if (this.#children.size >= (isBridged ? maxBridged : maxChildren) && !(isBridged && this.#makeRoom())) return null;
    const made: SharedChild = new SharedChild(this.#launcher, { idleMs, versions: isBridged ? [FIRST_MODERN] : probe.versions, bridge: isBridged ? bridge : undefined, onLost: () => this.#forget(whose, made) });
    return made;
  }

  /** The session that nobody waits for, and that was not used for the longest time, ends. */
  #makeRoom(): boolean {
    const oldest = [...this.#children].find(([, child]) => !child.isBusy);
    if (!oldest) return false;
    this.#children.delete(oldest[0]);
    void oldest[1].stop();
    return true;
  }

  /** There are as many as are in use. */
  #forget(whose: string, child: SharedChild): void {
    if (!child.inUse && this.#children.get(whose) === child) this.#children.delete(whose);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.stop()));
  }

  /** Asked once for all: what a server speaks is the same for everybody. */
  #speaks(headers: CallHeaders): Promise<Probe> {
    const { isLegacy, alwaysBridged, clock, probeMs, probeTtlMs } = this.#options;
    if (isLegacy) return Promise.resolve({ kind: "legacy" });
    const nowMs = clock.nowMs();
    if (alwaysBridged && nowMs - this.#probedMs > probeTtlMs) this.#probe = null;
    if (this.#probe !== null) return this.#probe;
    this.#probedMs = nowMs;
    const probe = probeEra(this.#launcher, probeMs, headers).then((found) => {
      if (found.kind === "unavailable" && this.#probe === probe) this.#probe = null;
      return found;
    });
    return (this.#probe = probe);
  }
}

function capabilitiesOf({ params }: Message): string {
  const capabilities = clientCapabilities(metaOf(params)?.[CLIENT_CAPABILITIES_KEY]);
  return createHash("sha256").update(JSON.stringify(capabilities)).digest("base64url");
}

import type { Clock } from "../../collector/kernel/clock.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import { findQuarantine, mayBeQuarantined, type FoundQuarantine } from "../people/quarantine.ts";
import { callDigest } from "../relay/call-digest.ts";
import type { Call } from "../relay/call.ts";
import type { Digester } from "../relay/digest.ts";
import type { Actor, Control } from "../state/command.ts";
import type { QuarantineStore } from "./quarantine-store.ts";

export interface KeptResultsOptions {
  readonly control: Pick<Control, "state" | "submit">;
  readonly store: QuarantineStore;
  readonly digester: Digester;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a person has to look at it, and how long what they released is there. */
  readonly expiresInMs?: number;
}

const DAY_MS = 24 * 3600_000;
const MAX_FINDINGS = 64;
const MAX_FINDING = 128;

/** Where a result went that was to be kept: null when that failed, and then it must not be passed on either. */
export interface HeldResult {
  readonly quarantineId: string;
  readonly expiresMs: number;
}

export type KeptResult = Exclude<FoundQuarantine, { kind: "none" }>;

/** Keeps results back for a person, and finds them again when the same call is made once more. */
export class KeptResults {
  readonly #options: KeptResultsOptions;

  constructor(options: KeptResultsOptions) {
    this.#options = options;
  }

  /** Never rejects. The bytes are on disk before anybody is told of them. */
  async hold(call: Call, bytes: Buffer, findings: readonly string[]): Promise<HeldResult | null> {
    const { control, store, clock, logger, expiresInMs = DAY_MS } = this.#options;
    const { identity } = call;
    if (identity === null) return null;
    try {
      const staged = await store.stage(bytes, clock.nowMs() + expiresInMs);
      const item = {
        agent: identity.agent,
        principal: identity.principal,
        taskId: identity.taskId,
        server: call.serverName,
        tool: (call.tool || call.prompt || call.resourceUri).slice(0, 256),
        requestDigest: this.#digestOf(call),
        findings: findings.slice(0, MAX_FINDINGS).map((finding) => finding.slice(0, MAX_FINDING)),
        bytes: bytes.length,
        resultDigest: call.resultDigest,
      };
      const actor: Actor = { principal: identity.principal, agent: identity.agent, roles: [] };
      const decided = await control.submit({ kind: "quarantine.hold", item, expiresInMs }, actor);
      if (!decided.ok) {
        await staged.discard();
        logger.error({ code: decided.code }, "a result could not be quarantined; it is blocked");
        return null;
      }
      const { quarantineId, expiresMs } = decided.result as HeldResult;
      await staged.commit(quarantineId);
      return { quarantineId, expiresMs };
    } catch (error) {
      logger.error({ err: error }, "a result could not be kept; it is blocked");
      return null;
    }
  }

  /** Cheap for callers of whom nothing is kept: asked for every call before it is forwarded. */
  find(call: Call): KeptResult | null {
    const { control, clock } = this.#options;
    const { identity } = call;
    if (identity === null || call.message?.kind !== "request" || !mayBeQuarantined(control.state, identity.agent, clock.nowMs())) return null;
    const { agent, principal, taskId } = identity;
    const found = findQuarantine(control.state, { agent, principal, taskId, requestDigest: this.#digestOf(call) }, clock.nowMs());
    return found.kind === "none" ? null : found;
  }

  /** Null when it is gone, or cannot be opened. */
  async bytesOf(quarantineId: string): Promise<Buffer | null> {
    const { store, clock, logger } = this.#options;
    try {
      return await store.read(quarantineId, clock.nowMs());
    } catch (error) {
      logger.error({ err: error, quarantineId }, "a quarantined result could not be read");
      return null;
    }
  }

  #digestOf(call: Call): string {
    // An answer that came on a later stream: which call it belongs to is not known, and no repeat can be told.
    if (call.message === null) return "";
    return callDigest(call, this.#options.control.state, this.#options.digester);
  }
}

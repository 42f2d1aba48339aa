import type { ControlEvent, ControlEntry } from "./control-event.ts";
import type { ControlState } from "./control-state.ts";

/** What a key lets its holder do besides calling: decide on approvals and quarantine, and run the proxy. */
export const roles = ["agent", "approver", "operator"] as const;
export type Role = (typeof roles)[number];

/** Who asks for a change, as the proxy established it. */
export interface Actor {
  readonly principal: string;
  readonly agent: string;
  readonly roles: readonly Role[];
  /** The one task that the credential is for; absent for a key. */
  readonly taskId?: string;
  /** What the credential is limited to; absent: to nothing. */
  readonly servers?: readonly string[];
  readonly tools?: readonly string[];
  readonly taskClasses?: readonly string[];
}

/** The proxy itself, for what nobody asked for: files that were refused, tools that were seen. */
export const systemActor: Actor = Object.freeze({ principal: "signalbox", agent: "signalbox", roles: ["operator" as const] });

/** A change that is asked for: a kind (`task.open`, `approval.decide`, ...) and what its decider reads. */
export interface Command {
  readonly kind: string;
  readonly [member: string]: unknown;
}

export type Decided =
  | {
      readonly ok: true;
      readonly events: readonly ControlEvent[];
      readonly result: unknown;
      /** On how many of the workers it is in force already; a decider leaves it out. */
      readonly workers?: { readonly applied: number; readonly total: number };
    }
  | { readonly ok: false; readonly status: 400 | 401 | 403 | 404 | 409 | 429 | 503; readonly code: string; readonly message: string; readonly remedy?: string };

export interface DecideContext {
  readonly nowMs: number;
  readonly actor: Actor;
  /** A fresh id with this prefix, such as `ap-7f3a9c21d0`. */
  newId(prefix: string): string;
}

/** Pure: says which events follow from a command, or why none do. Reads the command with a schema of its own. */
export type Decider = (state: ControlState, command: Command, context: DecideContext) => Decided;

/** The deciders of one matter, by kind of command. Each folder has its own and `deciders.ts` joins them. */
export type Deciders = Readonly<Record<string, Decider>>;

/** What a worker (and a test) sees of the control state. */
export interface Control {
  /** As of now in this process. */
  readonly state: ControlState;
  /**
   * Decided in one place, durable, and applied here when this resolves; on the other workers too, unless one of them does
   * not answer (`workers` says so). Never rejects: a lost primary is a 503.
   */
  submit(command: Command, actor: Actor): Promise<Decided>;
  /** Returns the unsubscribe. */
  onEntry(listener: (entry: ControlEntry) => void): () => void;
  /**
   * Passes something small and fleeting (flow values, counts) on to the other workers, at once and without a promise.
   * Not durable. A listener hears what others said, never what it said itself.
   */
  gossip(topic: string, message: unknown): void;
  onGossip(topic: string, listener: (message: unknown) => void): () => void;
}

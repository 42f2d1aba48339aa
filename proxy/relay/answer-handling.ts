import type { Call, Ending } from "./call.ts";
import type { DraftRecord } from "../../collector/record/call-record.ts";

/** Made by `prepare` and given back to `finish`; what is in it is the handling's own. */
export type HandlingPlan = object;

/** What became of an answer. */
export interface Handled {
  /** What the client gets; null: the bytes as they were. */
  readonly bytes: Buffer | null;
  readonly handling: DraftRecord["handling"];
  /** For the record: kinds and counts, never what was found. */
  readonly findings: readonly string[];
  /** Instead of how the upstream's own words end it. */
  readonly ending?: Ending;
  /** What the agent is given to read, as it is given; absent where it is given nothing of the upstream's. */
  readonly flow?: {
    readonly trusted: boolean;
    /** Parses the answer if nothing else did: to be called once, and only where somebody wants it. */
    texts(): readonly { readonly text: string; readonly spans: readonly { readonly start: number; readonly end: number; readonly score: number }[] }[];
  };
}

export interface HandledQuestion extends Handled {
  /** As the client gets them. */
  readonly params: Readonly<Record<string, unknown>>;
}

/** What is done to answers on their way from the upstream to the client (proxy/handling). */
export interface AnswerHandling {
  /** Asked once a call, with what is known before its answer. Not null: nothing of the answer may leave before it is whole. */
  prepare(call: Call): HandlingPlan | null;
  /**
   * One whole message that answers: a body, or the data of an event. When it throws or rejects, the answer is withheld. A
   * promise only where a result has to be stored.
   */
  finish(call: Call, plan: HandlingPlan, bytes: Buffer): Handled | Promise<Handled>;
  /**
   * What a server of the older protocol asks its client in the middle of a call: the parameters of its request, which a model
   * or a person reads like a result. It can't wait for anybody: with an `ending` it is not asked, and `bytes` answers the call.
   */
  question?(call: Call, plan: HandlingPlan, params: Readonly<Record<string, unknown>>): HandledQuestion;
  /** The answer to a call whose result was kept back before; null: there is none, and the call goes its way. */
  answerKept?(call: Call): Promise<Handled> | null;
  /** Once the call is recorded, and before its answer leaves: what the agent reads is noted for its later calls. */
  recorded?(call: Call, handled: Handled, callId: string): void;
}

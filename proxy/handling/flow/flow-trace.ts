import type { ArgumentLeaf } from "../../../collector/record/call-record.ts";
import type { Digester } from "../../relay/digest.ts";
import type { Lost, Origin } from "./flow-table.ts";
import type { TaskMemory } from "./task-memory.ts";
import { eachPlace, mayHoldValues, phraseOf } from "./values.ts";

/** A longer argument is a text of the agent's and not a party that it was told of. */
const MAX_OWN_LENGTH = 256;
const MIN_LENGTH = 4;
const ownArgument: Origin = Object.freeze({ seq: 0, score: 0, untrusted: false });

/** Follows the values of one call's arguments back into what its task has read. */
export class FlowTrace {
  /** A value came out of an untrusted result; how instruction-shaped the text around it was, at worst. */
  untrusted = false;
  score = 0;
  /** Arguments that became the agent's own by this call: their digests as pairs of halves. */
  readonly own: number[] = [];
  readonly #task: TaskMemory;
  readonly #digester: Digester;
  /** Before the task has read anything there is nothing to look up, and a call costs what its digests cost. */
  readonly #hasRead: boolean;

  constructor(task: TaskMemory, digester: Digester) {
    this.#task = task;
    this.#digester = digester;
    this.#hasRead = task.values.size > 0 || task.unknownValue !== null;
  }

  /** `leaf` is null for what is not recorded: names of fields, and leaves beyond the limit. */
  follow(value: unknown, leaf: ArgumentLeaf | null): void {
    const text = typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
    if (text.length < MIN_LENGTH) return;
    if (this.#hasRead && this.#reads(text, typeof value === "string", leaf)) return;
    if (leaf !== null && text.length <= MAX_OWN_LENGTH) this.#makeOwn(leaf.digest);
  }

  /** True where something that the task has read accounts for some of the text. */
  #reads(text: string, isString: boolean, leaf: ArgumentLeaf | null): boolean {
    const from: (Origin | Lost)[] = [];
    if (mayHoldValues(text)) eachPlace(text, (place) => this.#lookUp(place, this.#task.unknownValue, from));
    const phrase = this.#task.hasPhrases && isString ? phraseOf(text) : null;
    if (phrase !== null) this.#lookUp(phrase, null, from);
    if (from.length === 0) return false;
    if (leaf !== null && this.#isOwn(leaf.digest)) return true;
    for (const origin of from) this.#note(origin, leaf);
    return true;
  }

  #lookUp(text: string, otherwise: Lost | null, from: (Origin | Lost)[]): void {
    const { high, low } = this.#digester.fleeting(text);
    const origin = this.#task.values.find(high, low) ?? otherwise;
    if (origin !== null) from.push(origin);
  }

  #note(origin: Origin | Lost, leaf: ArgumentLeaf | null): void {
    const { score, untrusted } = origin;
    if (leaf !== null) {
      if (leaf.flowFromSeq === null || score > leaf.flowScore) leaf.flowFromSeq = "seq" in origin ? origin.seq : 0;
      leaf.flowScore = Math.max(leaf.flowScore, score);
    }
    if (!untrusted) return;
    this.untrusted = true;
    this.score = Math.max(this.score, score);
  }

  #isOwn(digest: string): boolean {
    const { own } = this.#task;
    return own.size > 0 && own.find(half(digest, 0), half(digest, 8)) !== null;
  }

  #makeOwn(digest: string): void {
    const high = half(digest, 0);
    const low = half(digest, 8);
    const { own } = this.#task;
    if (own.find(high, low) === null && own.add(high, low, ownArgument)) this.own.push(high, low);
  }
}

const half = (digest: string, from: number): number => Number.parseInt(digest.slice(from, from + 8), 16);

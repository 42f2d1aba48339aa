import { nullDigest } from "../../collector/record/call-record.ts";
import { LevelModel } from "./level-model.ts";
import { RarityModel } from "./rarity.ts";

/** One leaf of a call's arguments, as the record has it: its keyed digest, and where the value came from. */
export interface Argument {
  /** JSON Pointer, a list's places as `*`. */
  readonly path: string;
  readonly digest: string;
  /** An earlier result of the task showed the value. */
  readonly fromResult: boolean;
  /** How instruction-shaped the text around it was there. */
  readonly flowScore: number;
}

interface CallWithArguments {
  readonly token: string;
  readonly acts: boolean;
  readonly arguments?: readonly Argument[];
}

/** A new value of one argument is no more than a hint, however rarely new ones come: three bits. */
const mostNovelty = 3;
/** A value that no result of the task showed is the user's own, as far as results were followed. */
const ownValue = 0.3;
/**
 * An ordinary argument out of text that scores 1 comes once in so many powers of ten, and by how many times less it is out
 * of text that is half so much like an instruction: bills and invitations ask for something too.
 */
const flowDecades = 4;
const flowSteepness = 1.5;
const flowPrior = (score: number): number => 10 ** (-flowDecades * score ** flowSteepness);
/** Scores are counted in tenths. */
const levelOf = (score: number): number => Math.round(score * 10);

/** What the calls of each class are made with, and how instruction-shaped the text is that they take it from. */
export class ArgumentModel {
  readonly #values = new RarityModel();
  readonly #flows = new LevelModel();
  #settled = false;

  /** It has what is stored, and learns no sequences any more. */
  settle(): void {
    this.#settled = true;
  }

  add(className: string, steps: readonly CallWithArguments[], count = 1): void {
    if (this.#settled) return;
    const seen = new Set<string>();
    const levels = new Map<string, number>();
    for (const step of steps) {
      for (const argument of step.arguments ?? []) {
        const place = placeOf(step, argument);
        levels.set(place, Math.max(levels.get(place) ?? 0, levelOf(argument.flowScore)));
        const key = `${place}\n${argument.digest}`;
        if (!step.acts || seen.has(key)) continue;
        seen.add(key);
        this.addValue(className, place, argument.digest, count);
      }
    }
    for (const [place, level] of levels) this.addLevel(className, place, level, count);
  }

  /** So many runs of the class had the value there. Null is none: some clients name every argument that they leave out. */
  addValue(className: string, place: string, digest: string, runs: number): void {
    if (digest !== nullDigest) this.#values.add(className, place, digest, runs);
  }

  /** In so many runs of the class the most instruction-shaped source of the argument had this level. */
  addLevel(className: string, place: string, level: number, runs: number): void {
    this.#flows.add(className, place, level, runs);
  }

  /** Bits by which an act's new values surprise; those in `repeated` (which grows) the task has used before. */
  novelty(className: string, step: CallWithArguments, { known, followed, repeated }: { known: boolean; followed: boolean; repeated: Set<string> }): number {
    let bits = 0;
    for (const argument of step.arguments ?? []) {
      const place = placeOf(step, argument);
      const key = `${place}\n${argument.digest}`;
      if (argument.digest === nullDigest || repeated.has(key)) continue;
      repeated.add(key);
      const weight = followed && !argument.fromResult ? ownValue : 1;
      bits += Math.min(mostNovelty, weight * this.#values.bits(className, place, argument.digest, known));
    }
    return bits;
  }

  /** Bits by which it surprises that each argument came out of text so much like an instruction. */
  flows(className: string, step: CallWithArguments, known: boolean): number[] {
    const tainted = (step.arguments ?? []).filter((argument) => levelOf(argument.flowScore) > 0);
    return tainted.map((argument) =>
      this.#flows.bits(className, placeOf(step, argument), levelOf(argument.flowScore), { prior: flowPrior(argument.flowScore), known }),
    );
  }
}

export const placeOf = (step: { readonly token: string }, argument: { readonly path: string }): string => `${step.token}${argument.path}`;

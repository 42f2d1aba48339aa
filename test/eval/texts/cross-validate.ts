import { rawScore, type TextModel } from "../../../collector/text/model.ts";
import type { LabelledText } from "./data.ts";
import type { TextFold } from "./folds.ts";
import { instancesOf, type Instance } from "./instances.ts";
import { trainLinear, type Example, type LinearModel, type TrainOptions } from "./train.ts";

/** Rows with the windows of each, made once and used by every fold. */
export interface Corpus {
  rows: readonly LabelledText[];
  instances: readonly (readonly Instance[])[];
}

export function corpusOf(rows: readonly LabelledText[]): Corpus {
  return { rows, instances: rows.map(instancesOf) };
}

/** What the written sentences weigh beside the recorded ones. */
const writtenWeight = 0.3;

/** The model that the rows give for which `keep` is true, and the written sentences. */
export function trainModel(recorded: Corpus, written: Corpus, keep: (row: LabelledText) => boolean, options?: TrainOptions): LinearModel {
  const kept = recorded.instances.filter((_, i) => keep(recorded.rows[i]!)).flat();
  const examples = [...weighted(kept, 1), ...weighted(written.instances.flat(), writtenWeight)];
  return trainLinear(examples, options);
}

/** The same window in many texts counts as the root of their number. */
function weighted(instances: readonly Instance[], weight: number): Example[] {
  const counts = new Map<string, number>();
  const keyOf = (one: Instance): string => `${one.positive}${one.key}`;
  for (const one of instances) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
  return instances.map((one) => ({ features: one.features, positive: one.positive, weight: weight / Math.sqrt(counts.get(keyOf(one))!) }));
}

export const toTextModel = (model: LinearModel, threshold: number): TextModel => ({ ...model, step: 1, threshold });

/** For each row, `score` with the model of the fold that did not see it. */
export function crossValidate<T>(recorded: Corpus, written: Corpus, folds: readonly TextFold[], score: (row: LabelledText, model: LinearModel, instances: readonly Instance[]) => T): T[] {
  const out: T[] = [];
  for (const fold of folds) {
    const model = trainModel(recorded, written, (row) => !fold.unseen(row));
    recorded.rows.forEach((row, i) => {
      if (fold.test(row)) out[i] = score(row, model, recorded.instances[i]!);
    });
  }
  return out;
}

/** The highest raw score of a text's windows; -Infinity where the gate kept none. */
export function highest(model: LinearModel, instances: readonly Instance[]): number {
  const linear = toTextModel(model, 0);
  return instances.reduce((max, one) => Math.max(max, rawScore(linear, one.features, one.features.length)), -Infinity);
}

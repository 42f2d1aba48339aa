import { buckets } from "../../../collector/text/features.ts";
import { seeded } from "./grammar.ts";

export interface Example {
  features: Int32Array;
  positive: boolean;
  weight: number;
}

export interface TrainOptions {
  epochs: number;
  l2: number;
  rate: number;
  seed: number;
}

export const defaultTraining: TrainOptions = { epochs: 8, l2: 2e-5, rate: 0.15, seed: 1 };

export interface LinearModel {
  bias: number;
  weights: Float32Array;
}

/** Logistic regression by AdaGrad over shuffled examples; the same examples and seed give the same weights. */
export function trainLinear(examples: readonly Example[], options: TrainOptions = defaultTraining): LinearModel {
  const weights = new Float32Array(buckets);
  const squares = new Float32Array(buckets).fill(1e-3);
  let bias = 0;
  let biasSquares = 1e-3;
  const order = Uint32Array.from(examples.keys());
  const random = seeded(options.seed);
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    for (const at of order) {
      const { features, positive, weight } = examples[at]!;
      const scale = 1 / Math.sqrt(features.length);
      let z = bias;
      for (const f of features) z += weights[f]! * scale;
      const g = weight * (1 / (1 + Math.exp(-z)) - (positive ? 1 : 0));
      biasSquares += g * g;
      bias -= (options.rate * g) / Math.sqrt(biasSquares);
      const gs = g * scale;
      for (const f of features) {
        const d = gs + options.l2 * weight * weights[f]!;
        squares[f]! += d * d;
        weights[f]! -= (options.rate * d) / Math.sqrt(squares[f]!);
      }
    }
  }
  return { bias, weights };
}

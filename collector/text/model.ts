import { readFileSync } from "node:fs";
import { buckets } from "./features.ts";

/** A linear model over hashed features; `threshold` is the raw score at which it says 0.5. */
export interface TextModel {
  bias: number;
  threshold: number;
  weights: Float32Array | Int8Array;
  /** What a step of a weight is worth. */
  step: number;
}

/** The shipped file: weights as bytes in base64. */
export interface ModelFile {
  version: number;
  buckets: number;
  bias: number;
  threshold: number;
  step: number;
  weights: string;
}

export const modelVersion = 1;

/** Mean-free sum of the weights of `count` features. Higher is more like an instruction. */
export function rawScore(model: TextModel, index: Int32Array, count: number): number {
  let sum = 0;
  const { weights } = model;
  for (let i = 0; i < count; i++) sum += weights[index[i]!]!;
  return model.bias + (sum * model.step) / Math.sqrt(count);
}

export function probability(model: TextModel, raw: number): number {
  return 1 / (1 + Math.exp(-(raw - model.threshold)));
}

export function quantise(model: { bias: number; weights: Float32Array }, threshold: number): ModelFile {
  const largest = model.weights.reduce((max, w) => Math.max(max, Math.abs(w)), 1e-9);
  const step = largest / 127;
  const bytes = Int8Array.from(model.weights, (w) => Math.round(w / step));
  return { version: modelVersion, buckets, bias: Number(model.bias.toFixed(6)), threshold: Number(threshold.toFixed(4)), step: Number(step.toPrecision(9)), weights: Buffer.from(bytes.buffer).toString("base64") };
}

export function toModel(file: ModelFile): TextModel {
  const bytes = Buffer.from(file.weights, "base64");
  if (file.version !== modelVersion || file.buckets !== buckets || bytes.length !== buckets) throw new Error("the text model does not fit this version's features: train it again");
  return { bias: file.bias, threshold: file.threshold, step: file.step, weights: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
}

let shipped: TextModel | undefined;

/** The model that ships, read once. */
export function shippedModel(): TextModel {
  return (shipped ??= toModel(JSON.parse(readFileSync(new URL("text-model.json", import.meta.url), "utf8")) as ModelFile));
}

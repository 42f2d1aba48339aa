import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { probability, quantise, shippedModel, toModel } from "../../../collector/text/model.ts";
import { wordClasses } from "../../../collector/text/lexicon.ts";
import { classBit, classesOf, hashWord } from "../../../collector/text/words.ts";
import { corpusOf, trainModel } from "../../eval/texts/cross-validate.ts";
import { writtenTexts } from "../../eval/texts/written.ts";

test("training twice on the same texts gives the same file", () => {
  const corpus = corpusOf(writtenTexts(60));
  const once = quantise(trainModel(corpus, corpus, () => true), 0.5);
  expect(quantise(trainModel(corpus, corpus, () => true), 0.5)).toEqual(once);
});

test("a model file of other features is refused", () => {
  const file = quantise({ bias: 0, weights: new Float32Array(1 << 15) }, 0);
  expect(() => toModel({ ...file, version: 999 })).toThrow("train it again");
  expect(() => toModel({ ...file, weights: file.weights.slice(4) })).toThrow("train it again");
});

test("the shipped model says 0.5 at its threshold and fits in 100 KB", () => {
  const model = shippedModel();
  expect(probability(model, model.threshold)).toBe(0.5);
  expect(readFileSync(new URL("../../../collector/text/text-model.json", import.meta.url)).length).toBeLessThan(100_000);
});

test("every word of the lexicon is found by its hash, in upper case too", () => {
  for (const [name, words] of Object.entries(wordClasses)) {
    for (const word of words.split(" ")) {
      expect(classesOf(hashWord(word)) & classBit[name as keyof typeof wordClasses], word).not.toBe(0);
      expect(hashWord(word.toUpperCase())).toBe(hashWord(word));
    }
  }
  expect(classesOf(hashWord("lighthouse"))).toBe(0);
});

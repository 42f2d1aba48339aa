/**
 * Trains the text model and writes collector/text/text-model.json: node test/eval/train-text-model.ts [--data DIR].
 * The same data gives the same file. The threshold (raw score of 0.5) is set out of fold, never on what was trained on.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { join, resolve } from "node:path";
import { quantise } from "../../collector/text/model.ts";
import { corpusOf, crossValidate, highest, trainModel } from "./texts/cross-validate.ts";
import { readTexts } from "./texts/data.ts";
import { isNegative } from "./texts/figures.ts";
import { foldsByFamily, foldsByGoal } from "./texts/folds.ts";
import { writtenTexts } from "./texts/written.ts";

const targetFpr = 0.005;
const { values } = parseArgs({ options: { data: { type: "string" } } });
const data = values.data ?? process.env.SIGNALBOX_EVAL_DATA ?? resolve(import.meta.dirname, "../../../shared/data");
const recorded = corpusOf(await readTexts(join(data, "tool_outputs/texts.ndjson.gz")));
const written = corpusOf(writtenTexts());

const thresholds = [foldsByGoal(), foldsByFamily()].map((folds) => {
  const scores = crossValidate(recorded, written, folds, (_row, model, instances) => highest(model, instances));
  const negatives = scores.filter((_, i) => isNegative(recorded.rows[i]!)).sort((a, b) => b - a);
  return negatives[Math.floor(targetFpr * negatives.length)]!;
});
// The mean of both splits: one keeps too much of the deployment known, the other too little.
const threshold = thresholds.reduce((a, b) => a + b, 0) / thresholds.length;
const file = quantise(trainModel(recorded, written, () => true), threshold);
const out = resolve(import.meta.dirname, "../../collector/text/text-model.json");
writeFileSync(out, `${JSON.stringify(file)}\n`);
console.log(`thresholds ${thresholds.map((t) => t.toFixed(3)).join(" (goals), ")} (families); ${(JSON.stringify(file).length / 1024).toFixed(0)} KB in ${out}`);

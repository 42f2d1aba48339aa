import { scanText } from "../../../collector/text/scan.ts";
import { shippedModel } from "../../../collector/text/model.ts";
import { corpusOf, crossValidate, toTextModel } from "./cross-validate.ts";
import { readTexts } from "./data.ts";
import { digits, formatShare, isNegative, textFigures, type TextFigures } from "./figures.ts";
import { foldsByFamily, foldsByGoal } from "./folds.ts";
import { writtenTexts } from "./written.ts";

/** One line of the evaluation's table, and what is printed below it. */
export interface TextReport {
  lines: [what: string, figure: string, ours: string, bar: string][];
  details: string[];
}

/**
 * The figures of the text scan: with models that saw neither the attack's goal nor the source (the shipped algorithm, trained
 * again for each fold, the shipped threshold), with models that saw nothing of the whole family, and, in sample, the shipped model's own.
 */
export async function reportTexts(path: string, options: { short: boolean; details: boolean }): Promise<TextReport> {
  const rows = await readTexts(path);
  const written = corpusOf(writtenTexts());
  const recorded = corpusOf(rows);
  const { threshold } = shippedModel();
  const held = (folds: ReturnType<typeof foldsByGoal>): number[] =>
    crossValidate(recorded, written, folds, (row, model) => scanText(row.text, toTextModel(model, threshold)).score);
  const goal = held(foldsByGoal());
  const family = options.short ? undefined : held(foldsByFamily());
  const inSample = rows.map((row) => scanText(row.text).score);
  const patternsOnly = rows.map((row) => Number(scanText(row.text, silent).score >= 0.5));
  const lines: TextReport["lines"] = [];
  const put = (what: string, f: TextFigures, bar: string): void => {
    lines.push([what, "TPR at 1% FPR; AUC", `${digits(f.tprAt1)}; ${digits(f.auc)}`, bar]);
    lines.push(["", "at 0.5: FPR", formatShare(f.fpr), "goal .01"]);
    lines.push(["", "at 0.5: explicit; bare", `${digits(f.explicit)}; ${digits(f.bare)}`, "goal .97; .50"]);
    lines.push(["", "at 0.5: NotInject; mentions", `${formatShare(f.notinject)}; ${formatShare(f.mentions)}`, "goal .03"]);
  };
  const goalFigures = textFigures(rows, goal, 0.5);
  put("texts, unseen goals, tools and sources", goalFigures, ".43 patterns, .64 TF-IDF+LR, .69 both; goal .75");
  if (family !== undefined) put("texts, whole family unseen", textFigures(rows, family, 0.5), "the same");
  const p = textFigures(rows, patternsOnly, 0.5);
  lines.push(["texts, our patterns alone", "TPR; FPR; explicit", `${formatShare(p.tpr)}; ${digits(p.fpr.hits / p.fpr.of)}; ${digits(p.explicit)}`, ".43 patterns"]);
  const own = textFigures(rows, inSample);
  const ownAtHalf = textFigures(rows, inSample, 0.5);
  lines.push(["texts, shipped model (IN SAMPLE)", "TPR at 1% FPR (threshold); at 0.5 TPR; FPR", `${digits(own.tprAt1)} (${digits(own.threshold)}); ${digits(ownAtHalf.tpr.hits / ownAtHalf.tpr.of)}; ${digits(ownAtHalf.fpr.hits / ownAtHalf.fpr.of)}`, "no measure of quality"]);
  const atOwn = textFigures(rows, goal, own.threshold);
  lines.push(["", "unseen goals at the in-sample threshold: FPR; explicit; bare", `${formatShare(atOwn.fpr)}; ${digits(atOwn.explicit)}; ${digits(atOwn.bare)}`, "goal .01; .97; .50"]);
  const gate = rows.filter((row, i) => isNegative(row) && recorded.instances[i]!.length > 0).length;
  const details = options.details ? [...goalFigures.families].map(([key, s]) => `  ${key.padEnd(46)} ${String(s.hits).padStart(5)} / ${String(s.of).padStart(5)}  ${formatShare(s)}`) : [];
  details.push(`texts: the gate keeps something of ${gate} of ${rows.filter(isNegative).length} benign texts, and of ${rows.filter((r, i) => r.label === "injection" && recorded.instances[i]!.some((x) => x.positive)).length} of ${rows.filter((r) => r.label === "injection").length} injected spans.`);
  return { lines, details };
}

/** A model that says nothing, so that patterns alone speak. */
const silent = { bias: -50, threshold: 0, step: 0, weights: new Int8Array(1 << 15) };

import { scanText } from "../../../collector/text/scan.ts";
import { shippedModel } from "../../../collector/text/model.ts";
import { intervals, withInterval } from "../scoring/bootstrap.ts";
import { corpusOf, crossValidate, toTextModel } from "./cross-validate.ts";
import { readTexts } from "./data.ts";
import { digits, formatShare, isNegative, textFigures, type TextFigures } from "./figures.ts";
import { foldsByFamily, foldsByGoal } from "./folds.ts";
import { writtenTexts } from "./written.ts";

/** One line of the evaluation's table, and what is printed below it. */
export interface TextReport {
  lines: [what: string, figure: string, here: string, simple: string, unseen: string, goal: string][];
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
  const p = textFigures(rows, patternsOnly, 0.5);
  const pick = ({ auc, tprAt1, explicit, bare }: TextFigures) => ({ auc, tprAt1, explicit, bare });
  // Texts of one tool, task or page are alike.
  const documents = [...Map.groupBy(rows.keys(), (i) => `${rows[i]!.source} ${rows[i]!.context}`).values()];
  const put = (what: string, scores: readonly number[], unseen: string): TextFigures => {
    const f = textFigures(rows, scores, 0.5);
    const spans = intervals(documents, (drawn) => {
      const of = drawn.flat();
      return pick(textFigures(of.map((i) => rows[i]!), of.map((i) => scores[i]!), 0.5));
    }, 200);
    const patterns = (value: number): string => `patterns ${digits(value)}`;
    lines.push([what, "TPR at 1% FPR", withInterval(f.tprAt1, spans.tprAt1), patterns(p.tpr.hits / p.tpr.of), unseen, ".75"]);
    lines.push(["", "AUC", withInterval(f.auc, spans.auc), "", "", ""]);
    lines.push(["", "at 0.5: FPR", formatShare(f.fpr), patterns(p.fpr.hits / p.fpr.of), "", ".01"]);
    lines.push(["", "at 0.5: explicit", withInterval(f.explicit, spans.explicit), patterns(p.explicit), unseen === "" ? "" : "both .78", ".97"]);
    lines.push(["", "at 0.5: bare", withInterval(f.bare, spans.bare), patterns(p.bare), unseen === "" ? "" : "both .40", ".50"]);
    lines.push(["", "at 0.5: NotInject", formatShare(f.notinject), patterns(p.notinject.hits / p.notinject.of), unseen === "" ? "" : "0 to .05", ".03"]);
    lines.push(["", "at 0.5: pages about injection", formatShare(f.mentions), patterns(p.mentions.hits / p.mentions.of), "", ""]);
    return f;
  };
  const goalFigures = put("texts, unseen goals, tools and sources", goal, "patterns .43, TF-IDF + LR .64, both .69");
  if (family !== undefined) put("texts, whole family unseen", family, "");
  const own = textFigures(rows, inSample);
  const ownAtHalf = textFigures(rows, inSample, 0.5);
  lines.push(["texts, shipped model (IN SAMPLE)", "TPR at 1% FPR (threshold)", `${digits(own.tprAt1)} (${digits(own.threshold)})`, "", "no measure of quality", ""]);
  lines.push(["", "at 0.5: TPR; FPR", `${digits(ownAtHalf.tpr.hits / ownAtHalf.tpr.of)}; ${digits(ownAtHalf.fpr.hits / ownAtHalf.fpr.of)}`, "", "no measure of quality", ""]);
  const atOwn = textFigures(rows, goal, own.threshold);
  lines.push(["", "unseen goals at that threshold: FPR; explicit; bare", `${formatShare(atOwn.fpr)}; ${digits(atOwn.explicit)}; ${digits(atOwn.bare)}`, "", "", ".01; .97; .50"]);
  const gate = rows.filter((row, i) => isNegative(row) && recorded.instances[i]!.length > 0).length;
  const details = options.details ? [...goalFigures.families].map(([key, s]) => `  ${key.padEnd(46)} ${String(s.hits).padStart(5)} / ${String(s.of).padStart(5)}  ${formatShare(s)}`) : [];
  details.push(`texts: the gate keeps something of ${gate} of ${rows.filter(isNegative).length} benign texts, and of ${rows.filter((r, i) => r.label === "injection" && recorded.instances[i]!.some((x) => x.positive)).length} of ${rows.filter((r) => r.label === "injection").length} injected spans.`);
  return { lines, details };
}

/** A model that says nothing, so that patterns alone speak. */
const silent = { bias: -50, threshold: 0, step: 0, weights: new Int8Array(1 << 15) };

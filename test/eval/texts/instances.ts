import { eachWindow } from "../../../collector/text/features.ts";
import { findPatterns, patterns } from "../../../collector/text/patterns.ts";
import { findSegments } from "../../../collector/text/segments.ts";
import type { LabelledText } from "./data.ts";

/** One window of one text, with the indices of its features. */
export interface Instance {
  features: Int32Array;
  positive: boolean;
  /** The window itself: the same words in many texts count as little more than one. */
  key: string;
}

/** Windows of a text that the gate keeps. A window of an injection is positive where half of it lies in the injected span. */
export function instancesOf(row: LabelledText): Instance[] {
  const bytes = Buffer.from(row.text, "utf8");
  const segments = findSegments(bytes, 0, bytes.length);
  const shape = { words: segments.words, total: segments.total, kept: segments.count };
  const span = row.span?.map((at) => Buffer.byteLength(row.text.slice(0, at), "utf8"));
  const hints = Array.from({ length: segments.count }, (): number[] => []);
  findPatterns(bytes, segments, (s, i) => {
    if (!patterns[i]!.sure) hints[s]!.push(i);
  });
  const out: Instance[] = [];
  for (let s = 0; s < segments.count; s++) {
    eachWindow(bytes, segments, s, shape, hints[s]!, (f) => {
      const inside = span === undefined ? 0 : Math.min(f.to, span[1]!) - Math.max(f.from, span[0]!);
      out.push({ features: f.index.slice(0, f.count), positive: inside > (f.to - f.from) / 2, key: bytes.toString("utf8", f.from, f.to) });
    });
  }
  return out;
}

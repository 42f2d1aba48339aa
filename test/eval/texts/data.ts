import { readRows } from "../../../analytics/eval/rows.ts";

/** A row of tool_outputs/texts, or of the sentences that the training adds. Spans count UTF-16 units. */
export interface LabelledText {
  id: string;
  source: string;
  family: string;
  context: string;
  text: string;
  label: "benign" | "injection";
  span?: [number, number];
  attack_type?: string;
}

/** All rows of a texts file. */
export async function readTexts(path: string): Promise<LabelledText[]> {
  const out: LabelledText[] = [];
  for await (const row of readRows(path)) out.push(row as unknown as LabelledText);
  return out;
}

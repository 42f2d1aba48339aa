export interface ScannedSpan {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** Finds text that reads as instructions to a model (collector/text). Scores are 0 to 1, positions UTF-16 units. */
export interface Scanner {
  scanText(text: string): { readonly score: number; readonly spans: readonly ScannedSpan[] };
  /** Of a message's bytes, with the JSON around the text. 0: nothing in it does. */
  scanJson(bytes: Uint8Array): { readonly score: number };
}

/** From here on a text counts as a finding: about one benign text in two hundred reaches it. */
export const INSTRUCTION_SCORE = 0.5;

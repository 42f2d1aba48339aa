import type { ResponseAction } from "../registry/server-entry.ts";
import { responseActions } from "../registry/server-entry.ts";

/** What is done to one result: nothing in it is left open. */
export interface ResultPlan {
  /** Bytes of text in a result, beyond which it is refused. */
  readonly maxTextBytes: number;
  /** MIME types of what is no plain text; `*` stands for any characters. */
  readonly contentTypes: readonly string[];
  readonly schemaMismatch: ResponseAction;
  readonly secrets: ResponseAction;
  readonly personalData: ResponseAction;
  readonly instructions: ResponseAction;
  readonly hidden: ResponseAction;
  /** False where a third party can write into the result: then it is data, and where its values go is followed. */
  readonly trusted: boolean;
  /** False for a server that is only observed: what would have been done is recorded, and the result passes as it is. */
  readonly enforced: boolean;
}

const rank = new Map<ResponseAction, number>(responseActions.map((action, index) => [action, index]));

export function strictest(a: ResponseAction, b: ResponseAction): ResponseAction {
  return rank.get(a)! >= rank.get(b)! ? a : b;
}

export const isAtLeast = (action: ResponseAction, least: ResponseAction): boolean => rank.get(action)! >= rank.get(least)!;

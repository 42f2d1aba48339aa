import { z } from "zod";
import type { Identity } from "../identity.ts";
import type { JsonObject } from "./fetch-json.ts";

const text = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/);
const names = z.array(z.string().min(1).max(256)).min(1).max(256);
const budget = z.strictObject({ calls: z.int().positive().optional(), writes: z.int().positive().optional() });

/** Strict: a bound that is not understood here must not be passed over. */
const claimSchema = z.union([
  text.transform((id) => ({ id })),
  z.strictObject({ id: text, class: text.optional(), owner: text.optional(), servers: names.optional(), tools: names.optional(), budget: budget.optional(), exp: z.number().positive().optional() }),
]);

/** The members that RFC 9396 names are used as it means them: `locations` are servers by their URL, `actions` tools. */
const detailSchema = z.strictObject({
  type: z.string(),
  identifier: text,
  locations: names.optional(),
  actions: names.optional(),
  task_class: text.optional(),
  owner: text.optional(),
  budget: budget.optional(),
  exp: z.number().positive().optional(),
});

/** A task as a token names it: bounds on what may be done with the token, whoever made them. */
export interface ClaimedTask {
  readonly id: string;
  readonly class?: string | undefined;
  readonly owner?: string | undefined;
  readonly servers?: readonly string[] | undefined;
  readonly tools?: readonly string[] | undefined;
  readonly budget?: Identity["budget"];
  /** Unix seconds. */
  readonly exp?: number | undefined;
}

export interface TaskClaims {
  readonly claim: unknown;
  readonly details: unknown;
  readonly detailsType: string;
  /** The server that a URL is of; null for a place that is not ours. */
  readonly serverOf: (location: string) => string | null;
}

/** The task that a token is for; null where it is for none, undefined where what it says of one can't be honoured. */
export function taskOf({ claim, details, detailsType, serverOf }: TaskClaims): ClaimedTask | null | undefined {
  const claimed = claim === undefined ? null : claimSchema.safeParse(claim);
  if (claimed?.success === false) return undefined;
  const detailed = details === undefined ? null : detailedTask(details, detailsType, serverOf);
  if (detailed === undefined) return undefined;
  // Two statements would have to be merged by rules that the issuer does not know of.
  if (claimed !== null && detailed !== null) return undefined;
  return claimed?.data ?? detailed;
}

function detailedTask(details: unknown, type: string, serverOf: TaskClaims["serverOf"]): ClaimedTask | null | undefined {
  if (!Array.isArray(details)) return undefined;
  const ours = details.filter((one): one is JsonObject => typeof one === "object" && one !== null && (one as JsonObject).type === type);
  if (ours.length === 0) return null;
  const parsed = detailSchema.safeParse(ours[0]);
  if (ours.length > 1 || !parsed.success) return undefined;
  const { identifier, locations, actions, task_class, owner, budget, exp } = parsed.data;
  const servers = locations?.map(serverOf).filter((server) => server !== null);
  return { id: identifier, class: task_class, owner, servers, tools: actions, budget, exp };
}

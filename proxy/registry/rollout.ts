import { createHash } from "node:crypto";
import { compilePatterns, fits, type Patterns } from "../policy/pattern.ts";
import type { Endpoint, ServerEntry } from "./server-entry.ts";

/** One version of a server and where it runs. */
export interface ChosenVersion {
  readonly version: string;
  readonly endpoint: Endpoint;
}

export interface Caller {
  readonly agent: string;
  /** Equal keys get the same version while the weights stay: the task's id, or the agent where there is no task. */
  readonly key: string;
}

/** An entry's versions, ready to be chosen from. */
interface Plan {
  readonly own: ChosenVersion;
  readonly pinned: readonly { readonly agents: Patterns | null; readonly to: ChosenVersion }[];
  /** Shares of 100 that lie side by side from 0 up; a null share is a retired version's, and falls to the entry's own. */
  readonly shares: readonly { readonly below: number; readonly to: ChosenVersion | null }[];
}

const plans = new WeakMap<ServerEntry, Plan>();

/**
 * Which version of a server a caller gets: the one that its agent is pinned to, else one by weight, always the same for
 * the same key. A retired version is never chosen, whatever pins and weights say. Raising the weight of the last version
 * moves keys to it and none between the others.
 */
export function chooseVersion(entry: ServerEntry, caller: Caller): ChosenVersion {
  const plan = planOf(entry);
  for (const { agents, to } of plan.pinned) if (agents === null || fits(agents, caller.agent)) return to;
  if (plan.shares.length === 0) return plan.own;
  const place = placeOf(entry.name, caller.key);
  for (const { below, to } of plan.shares) if (place < below) return to ?? plan.own;
  return plan.own;
}

/** Every version that may be chosen; the entry's own first. */
export function activeVersions(entry: ServerEntry): readonly ChosenVersion[] {
  return [planOf(entry).own, ...entry.rollout.filter((one) => one.lifecycle !== "retired").map(versionOf)];
}

function planOf(entry: ServerEntry): Plan {
  const known = plans.get(entry);
  if (known) return known;
  const pinned: Plan["pinned"][number][] = [];
  const shares: Plan["shares"][number][] = [];
  let below = 0;
  for (const one of entry.rollout) {
    const to = one.lifecycle === "retired" ? null : versionOf(one);
    if (to && one.agents.length > 0) pinned.push({ agents: compilePatterns(one.agents), to });
    below += one.weight;
    if (one.weight > 0) shares.push({ below, to });
  }
  const plan = { own: versionOf(entry), pinned, shares };
  plans.set(entry, plan);
  return plan;
}

const versionOf = ({ version, endpoint }: ChosenVersion): ChosenVersion => Object.freeze({ version, endpoint });

/** 0 to 100. The server's name is part of it, so that it is not the same callers everywhere who try what is new. */
function placeOf(server: string, key: string): number {
  const digest = createHash("sha256").update(`${server}\0${key}`).digest();
  return (digest.readUInt32BE(0) / 2 ** 32) * 100;
}

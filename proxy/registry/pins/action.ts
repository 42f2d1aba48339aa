import type { RiskTier } from "../../../collector/record/call-record.ts";
import type { ServerEntry } from "../server-entry.ts";
import type { DefinitionComparison } from "./compare.ts";

export type DefinitionAction = "pass" | "hold" | "block";

/**
 * What follows from a change where the registry says nothing. A server without a tier is taken for medium. Low-tier servers
 * still hold what breaks, because a changed tool is how a harmless server becomes another one.
 */
const byTier: Readonly<Record<RiskTier, { readonly compatible: DefinitionAction; readonly breaking: DefinitionAction }>> = {
  low: { compatible: "pass", breaking: "hold" },
  medium: { compatible: "pass", breaking: "block" },
  high: { compatible: "hold", breaking: "block" },
};

const severity = { pass: 0, hold: 1, block: 2 } as const;

export function stricter(a: DefinitionAction, b: DefinitionAction): DefinitionAction {
  return severity[a] >= severity[b] ? a : b;
}

/**
 * What is done with a tool whose definition compares so with the one that was accepted. The registry's `definitions` come
 * first, then the tier. A first sighting passes, except where nobody has approved what is at stake: on a high-tier server in
 * production, beside tools that are pinned (medium and high), or when it reads as instructions to the agent. `environment`
 * is where the proxy stands; absent, the environments of the entry count.
 */
export function definitionAction(
  entry: ServerEntry,
  riskTier: RiskTier | undefined,
  found: Pick<DefinitionComparison, "change" | "instructions">,
  environment?: string,
): DefinitionAction {
  const tier = riskTier ?? "medium";
  switch (found.change) {
    case "same":
    case "vanished":
      return "pass";
    case "compatible":
      return entry.definitions.compatible ?? byTier[tier].compatible;
    case "breaking":
      return entry.definitions.breaking ?? byTier[tier].breaking;
    case "first":
      if (found.instructions) return entry.definitions.breaking ?? "hold";
      if (tier === "high" && isProduction(entry, environment)) return "hold";
      return tier !== "low" && hasPins(entry) ? "hold" : "pass";
  }
}

export function isProduction(entry: ServerEntry, environment: string | undefined): boolean {
  return environment === undefined ? entry.environments.includes("production") : environment === "production";
}

export function hasPins(entry: ServerEntry): boolean {
  return Object.values(entry.tools).some((tool) => tool.pin !== undefined);
}

/** The pin of a tool; undefined where it has none. */
export function pinOf(entry: ServerEntry, tool: string): string | undefined {
  return Object.hasOwn(entry.tools, tool) ? entry.tools[tool]!.pin : undefined;
}

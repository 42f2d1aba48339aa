import { buildAlert, type Alert } from "../../../alerts/alert.ts";
import { alertId, fingerprint, labelsOf } from "../../../alerts/dedup.ts";
import { packagedRulesDir } from "../../../alerts/config.ts";
import { loadRules, type Rule } from "../../../alerts/rule.ts";
import type { Finding } from "../../../analytics/findings/finding.ts";
import { spike } from "../../integration/dashboards/seed.ts";

export const startMs = Date.UTC(2026, 2, 2, 10, 0);
export const minute = 60_000;
export const rules = new Map(loadRules(packagedRulesDir).map((r) => [r.id, r]));
export const rule = (id: string): Rule => rules.get(id)!;

export function findingAt(endMs: number, over: Partial<Finding> = {}): Finding {
  return spike({ fromMs: endMs - 5 * minute, toMs: endMs }, endMs, ["proxy-1-7"], over);
}

export function alertOf(f: Finding, over: Partial<Alert> = {}, ruleId = f.detector as string): Alert {
  const r = rule(ruleId);
  const print = fingerprint(r.id, f.entityKind, f.entity);
  const identity = { alertId: alertId(print, f.windowStartMs), fingerprint: print, labels: labelsOf(r, f) };
  return { ...buildAlert({ rule: r, finding: f, identity, state: "firing", startsAtMs: f.windowStartMs, updatedAtMs: f.windowEndMs, endsAtMs: null, blastRadius: null, firedBefore: 0, consoleUrl: "http://127.0.0.1:7080" }), ...over };
}

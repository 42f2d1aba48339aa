import type { Range } from "../range.ts";
import { num, select, type Store } from "../rows.ts";
import type { ReportMetric } from "./report.ts";

type Offender = ReportMetric["offenders"][number];
type Row = Record<string, unknown>;

/** The rows behind the four numbers. */
export interface Behind {
  readonly servers: readonly Row[];
  readonly defaults: readonly Row[];
  readonly exceptions: readonly Row[];
  readonly incidents: readonly Row[];
  readonly incidentCounts: { opened: number; open: number; resolved: number };
  readonly nowMs: number;
}

export async function readBehind(store: Store, range: Range, nowMs: number): Promise<Behind> {
  const params = { from_ms: range.fromMs, to_ms: range.toMs };
  const [servers, defaults, exceptions, incidents] = await Promise.all([
    select<Row>(store, "offenders-owner", params),
    select<Row>(store, "offenders-default", params),
    select<Row>(store, "offenders-exceptions", params),
    select<Row>(store, "incident-states", params),
  ]);
  const inside = (ms: number) => ms >= range.fromMs && ms < range.toMs;
  return {
    servers,
    defaults,
    exceptions,
    incidents,
    nowMs,
    incidentCounts: { opened: incidents.filter((i) => inside(num(i.opened_ms))).length, open: incidents.filter(isOpen).length, resolved: incidents.filter((i) => !isOpen(i) && inside(num(i.resolved_ms))).length },
  };
}

const isOpen = (i: Row): boolean => i.last_step !== "resolved" && i.last_step !== "closed";

/** Names first: a number without them can't be acted on. */
export function offendersOf(metric: string, b: Behind, range: Range, base: string): Offender[] {
  const calls = (query: Record<string, string>) =>
    `${base}/calls?${new URLSearchParams({ ...query, from: new Date(range.fromMs).toISOString(), to: new Date(range.toMs).toISOString() })}`;
  const s = (v: unknown): string => String(v ?? "");
  switch (metric) {
    case "owner_and_tier":
      return b.servers.map((r) => ({
        name: s(r.server),
        detail: num(r.is_registered) ? [!r.server_owner && "no owner", !r.server_tier && "no risk tier"].filter(Boolean).join(", ") : "not in the registry",
        owner: s(r.server_owner),
        weight: num(r.total),
        link: calls({ server: s(r.server) }),
      }));
    case "explicit_policy_coverage":
      return b.defaults.map((r) => ({
        name: `${s(r.agent) || "unknown"} to ${[s(r.server) || "no server", s(r.tool)].filter(Boolean).join("/")}`,
        detail: `${callCount(r.total)}, default ${s(r.decision)}`,
        owner: "",
        weight: num(r.total),
        link: calls({ basis: "default", agent: s(r.agent), server: s(r.server), tool: s(r.tool) }),
      }));
    case "high_risk_exception_rate":
      return b.exceptions.map((r) => ({
        name: s(r.exception_id) || "unnamed exception",
        detail: `${callCount(r.total)} of ${s(r.agent)} to ${s(r.server)}`,
        owner: s(r.server_owner),
        weight: num(r.total),
        link: calls({ basis: "exception", server: s(r.server) }),
      }));
    case "time_to_investigate":
      return b.incidents
        .filter((i) => isOpen(i) && num(i.causes) === 0)
        .map((i) => ({ name: s(i.incident_title) || s(i.incident_id), detail: `open for ${age(b.nowMs - num(i.detected_ms))}`, owner: s(i.opened_by), weight: b.nowMs - num(i.detected_ms), link: "" }));
    default:
      return [];
  }
}

const callCount = (n: unknown): string => `${num(n)} call${num(n) === 1 ? "" : "s"}`;
const age = (ms: number): string => (ms >= 2 * 24 * 3600_000 ? `${Math.floor(ms / (24 * 3600_000))} days` : `${Math.max(0, Math.round(ms / 3600_000))} h`);

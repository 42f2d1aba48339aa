import { loadSql, type SqlFile, type SqlParams } from "../../../collector/store/sql-file.ts";
import { credentialAge } from "../../registry/lifecycle.ts";
import type { ServerEntry } from "../../registry/server-entry.ts";
import type { KeyEntry } from "../keys-file.ts";

/** What the register says of a credential at one server. */
export interface Use {
  readonly server: string;
  /** A key's id, or the name of a kind. */
  readonly credential: string;
  readonly calls: number;
  /** At most ten; `agentCount` has the number of all. */
  readonly agents: readonly string[];
  readonly agentCount: number;
  readonly lastUsedMs: number;
}

/** An identity that tool calls are made with: a caller's, or the proxy's own at an upstream. */
export interface IdentityLine {
  readonly kind: "api_key" | "upstream" | "access_tokens" | "task_tokens" | "client_certificates" | "anonymous";
  readonly name: string;
  /** Whose it is: the agent of a key, the servers of an upstream's credential. */
  readonly of: readonly string[];
  /** What a key is limited to besides policy; an absent member is no limit. Empty for anything else. */
  readonly scope: { readonly servers?: readonly string[]; readonly tools?: readonly string[]; readonly taskClasses?: readonly string[] };
  /** When it was made or last replaced; null where nobody wrote it down, or each is made anew. */
  readonly rotatedAt: string | null;
  readonly ageDays: number | null;
  readonly rotateEveryDays: number | null;
  /** Negative where it is overdue. */
  readonly dueInDays: number | null;
  readonly state: "valid" | "overdue" | "undated" | "expired" | "revoked" | "short-lived";
  /** Null where the register was not asked. */
  readonly calls: number | null;
  readonly agents: readonly string[];
  readonly lastUsedMs: number | null;
}

export interface QueryStore {
  query<T>(sql: SqlFile, params: SqlParams): Promise<T[]>;
}

/** Rejects where the store does not answer. */
export async function usedIdentities(store: QueryStore, sinceMs: number): Promise<Use[]> {
  interface Row {
    server: string;
    credential: string;
    calls: number;
    agents: string[];
    agent_count: number;
    last_used_ms: number;
  }
  const rows = await store.query<Row>(loadSql(new URL("./used-identities.sql", import.meta.url)), { since_ms: sinceMs });
  return rows.map((row) => ({ server: row.server, credential: row.credential, calls: row.calls, agents: row.agents, agentCount: row.agent_count, lastUsedMs: row.last_used_ms }));
}

export interface IdentitiesOptions {
  readonly keys: readonly KeyEntry[];
  readonly servers: Iterable<ServerEntry>;
  /** Null where the register was not asked. */
  readonly uses: readonly Use[] | null;
  readonly keyRotationDays: number;
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;
const kinds = ["access_tokens", "task_tokens", "client_certificates", "anonymous"] as const;

/** Pure. What needs somebody's attention comes first. */
export function listIdentities({ keys, servers, uses, keyRotationDays, nowMs }: IdentitiesOptions): IdentityLine[] {
  const ofKind = kinds.flatMap((kind): IdentityLine[] => {
    const used = uses?.filter((use) => use.credential === kind) ?? [];
    if (used.length === 0) return [];
    return [{ kind, name: kind, of: [], scope: {}, rotatedAt: null, ageDays: null, rotateEveryDays: null, dueInDays: null, state: kind === "anonymous" || kind === "client_certificates" ? "undated" : "short-lived", ...sum(used) }];
  });
  const ofKeys = keys.map((key): IdentityLine => {
    const ageDays = Math.floor((nowMs - Date.parse(key.createdAt)) / DAY_MS);
    const over = key.revoked ? "revoked" : key.expiresAt !== undefined && Date.parse(key.expiresAt) <= nowMs ? "expired" : null;
    const dueInDays = over === null ? keyRotationDays - ageDays : null;
    const state = over ?? (dueInDays! < 0 ? "overdue" : "valid");
    return { kind: "api_key", name: key.id, of: [key.agent], scope: scopeOf(key), rotatedAt: key.createdAt.slice(0, 10), ageDays, rotateEveryDays: keyRotationDays, dueInDays, state, ...sum(uses && uses.filter((use) => use.credential === key.id)) };
  });
  const lines = [...ofUpstreams(servers, uses, nowMs), ...ofKeys, ...ofKind];
  return lines.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
}

function scopeOf({ servers, tools, taskClass, taskClasses }: KeyEntry): IdentityLine["scope"] {
  const classes = taskClasses ?? (taskClass === undefined ? undefined : [taskClass]);
  return { ...(servers ? { servers } : {}), ...(tools ? { tools } : {}), ...(classes ? { taskClasses: classes } : {}) };
}

const order: readonly IdentityLine["state"][] = ["overdue", "undated", "valid", "short-lived", "expired", "revoked"];

/** One credential may be that of several servers, and is as old as the oldest of them says. */
function ofUpstreams(servers: Iterable<ServerEntry>, uses: readonly Use[] | null, nowMs: number): IdentityLine[] {
  const byName = new Map<string, ServerEntry[]>();
  for (const entry of servers) {
    if (entry.credential) byName.set(entry.credential.name, [...(byName.get(entry.credential.name) ?? []), entry]);
  }
  return [...byName].map(([name, entries]) => {
    const ages = entries.map((entry) => credentialAge(entry, nowMs)!);
    const undated = ages.some((age) => age.rotatedAt === undefined);
    const oldest = undated ? undefined : ages.reduce((a, b) => (b.ageDays! > a.ageDays! ? b : a));
    const dues = ages.flatMap((age) => age.dueInDays ?? []);
    const dueInDays = dues.length === 0 ? null : Math.min(...dues);
    const intervals = entries.flatMap((entry) => entry.credential!.rotateEveryDays ?? []);
    return {
      kind: "upstream",
      name,
      of: entries.map((entry) => entry.name).sort(),
      scope: {},
      rotatedAt: oldest?.rotatedAt ?? null,
      ageDays: oldest?.ageDays ?? null,
      rotateEveryDays: intervals.length === 0 ? null : Math.min(...intervals),
      dueInDays,
      state: undated ? "undated" : dueInDays !== null && dueInDays < 0 ? "overdue" : "valid",
      ...sum(uses && uses.filter((use) => entries.some((entry) => entry.name === use.server))),
    };
  });
}

function sum(uses: readonly Use[] | null): Pick<IdentityLine, "calls" | "agents" | "lastUsedMs"> {
  if (uses === null) return { calls: null, agents: [], lastUsedMs: null };
  const agents = [...new Set(uses.flatMap((use) => use.agents))].sort();
  return { calls: uses.reduce((n, use) => n + use.calls, 0), agents, lastUsedMs: uses.length === 0 ? null : Math.max(...uses.map((use) => use.lastUsedMs)) };
}

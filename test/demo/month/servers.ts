import type { Effect, RiskTier } from "../../../collector/record/call-record.ts";

export interface MonthTool {
  readonly effect: Effect;
  /** False where strangers can write what it returns. */
  readonly trusted: boolean;
  /** The median time of an answer. */
  readonly ms: number;
}

export interface MonthServer {
  readonly owner: string;
  readonly riskTier: RiskTier;
  readonly dataDomains: readonly string[];
  /** From which day of the month on, in order. */
  readonly versions: readonly { readonly fromDay: number; readonly version: string }[];
  readonly tools: Readonly<Record<string, MonthTool>>;
}

const tool = (effect: Effect, ms: number, trusted = true): MonthTool => ({ effect, ms, trusted });

/** The servers of the month, by name. Releases come and go without harm; one planted incident begins with one. */
export const servers: Readonly<Record<string, MonthServer>> = {
  tickets: {
    owner: "support-tools",
    riskTier: "medium",
    dataDomains: ["customer"],
    versions: [{ fromDay: 0, version: "2.3.0" }, { fromDay: 6, version: "2.4.0" }, { fromDay: 20, version: "2.5.0" }],
    tools: { list_tickets: tool("read", 40), read_ticket: tool("read", 30, false), update_ticket: tool("write", 60) },
  },
  files: {
    owner: "knowledge",
    riskTier: "medium",
    dataDomains: ["documents"],
    versions: [{ fromDay: 0, version: "1.4.1" }, { fromDay: 11, version: "1.5.0" }, { fromDay: 12, version: "1.5.1" }],
    tools: { search_files: tool("read", 80), read_file: tool("read", 20), write_file: tool("write", 35), delete_file: tool("destructive", 35) },
  },
  mail: {
    owner: "messaging",
    riskTier: "high",
    dataDomains: ["correspondence"],
    versions: [{ fromDay: 0, version: "0.9.2" }],
    tools: { send_mail: tool("write", 120), list_mail: tool("read", 70, false) },
  },
  crm: {
    owner: "sales-systems",
    riskTier: "high",
    dataDomains: ["customer", "contracts"],
    versions: [{ fromDay: 0, version: "5.0.3" }, { fromDay: 15, version: "5.1.0" }],
    tools: { find_account: tool("read", 90), read_account: tool("read", 50), update_account: tool("write", 110) },
  },
  builds: {
    owner: "platform",
    riskTier: "low",
    dataDomains: ["code"],
    versions: [{ fromDay: 0, version: "3.1.0" }, { fromDay: 9, version: "3.2.0" }, { fromDay: 18, version: "3.2.1" }],
    tools: { list_builds: tool("read", 25), get_log: tool("read", 150, false), trigger_build: tool("write", 200) },
  },
};

export function toolOf(server: string, name: string): MonthTool {
  const found = servers[server]?.tools[name];
  if (!found) throw new Error(`the month has no tool ${server}/${name}`);
  return found;
}

export function versionOn(server: string, day: number): string {
  return servers[server]?.versions.findLast((v) => v.fromDay <= day)?.version ?? "";
}

/** The same servers as files of a registry, which the console and the leadership numbers read. */
export function registryFiles(lastDay: number): Record<string, unknown>[] {
  return Object.entries(servers).map(([name, s]) => ({
    name,
    version: versionOn(name, lastDay),
    owner: s.owner,
    contact: `${s.owner}@example.com`,
    riskTier: s.riskTier,
    dataDomains: s.dataDomains,
    lifecycle: "approved",
    environments: ["production"],
    endpoint: { transport: "streamable-http", url: `https://${name}.example.com/mcp` },
    tools: Object.fromEntries(Object.entries(s.tools).map(([tool, { effect, trusted }]) => [tool, { effect, trusted }])),
  }));
}

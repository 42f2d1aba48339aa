import type { ConfigSource } from "../../collector/kernel/config.ts";
import { ownUrl, type ProxyConfig } from "../config.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { ClientFile } from "../identity/client-files.ts";

/** What a person sees when everything is up: what runs, which servers, how to connect an agent, what to try next. */
export function welcome(facts: {
  readonly config: ConfigSource;
  readonly proxy: ProxyConfig;
  readonly plane: ControlPlane;
  readonly clients: readonly ClientFile[];
  readonly consoleUrl: string;
  readonly storeUrl: string;
  readonly collectorUrl: string;
}): string {
  const { plane, proxy, clients } = facts;
  const base = proxy.publicUrl ?? ownUrl(proxy);
  const servers = [...plane.registry.servers.values()];
  const width = Math.max(...servers.map((s) => s.name.length), 6);
  const lines = [
    "",
    "Signalbox is running.",
    `  proxy      ${base}/mcp/<server>`,
    `  console    ${facts.consoleUrl}`,
    `  collector  ${facts.collectorUrl}/v1/traces`,
    `  store      ${facts.storeUrl}   (ClickHouse HTTP)`,
    `  data       ${facts.config.dataDir}`,
    "",
    `Servers (registry revision ${plane.registry.revision}, policy ${plane.policies.version}):`,
    ...servers.map(
      (s) => `  ${s.name.padEnd(width)}  ${(s.riskTier ?? "no tier").padEnd(7)} ${s.lifecycle.padEnd(10)} ${s.owner ?? "no owner"}`,
    ),
    "",
  ];
  const [first] = clients;
  if (first) {
    lines.push(
      `Connect an agent: copy this into its MCP client configuration (it is also in ${first.file}):`,
      ...first.text.trimEnd().split("\n").map((line) => `  ${line}`),
      "",
    );
  } else {
    lines.push("Connect an agent: make it a key with `npx signalbox keys create --agent <name>` and point it at the proxy.", "");
  }
  lines.push(
    "Try next:",
    '  npx signalbox sql "SELECT agent, server, tool, decision, outcome, sum(attempts) FROM calls GROUP BY ALL"',
    "  npx signalbox policy check          npx signalbox audit verify",
    "  npx signalbox task open --help      npx signalbox stop set --help",
    "",
    "Ctrl-C stops everything.",
  );
  return lines.join("\n");
}

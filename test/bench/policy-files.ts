import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../support/random.ts";

/** As large as the figures in proxy/README.md are given for, or as small as what they are compared with. */
export interface PolicySize {
  readonly rules: number;
  readonly servers: number;
  /** How many files the rules are spread over. */
  readonly files: number;
  /** Another one makes every file and every condition another one. */
  readonly generation?: number;
}

export const toolsPerServer = 20;
export const taskClasses = ["research", "triage", "release"];
export const agentCount = 50;
const effects = ["read", "write", "destructive"];

/**
 * Rules as a large installation has them: most name a server, an agent or a team and some tools; half have a condition;
 * some are about every server.
 */
export function ruleText(i: number, servers: number, generation = 0): string {
  const limit = i + generation * 10_000;
  const wide = i % 25 === 0;
  const lines = [
    `  - id: rule-${i}`,
    `    description: What team ${i % 7} may do, number ${limit}.`,
    `    effect: ${["allow", "allow", "allow", "deny", "hold"][i % 5]}`,
    `    match:`,
    `      agents: [agent-${i % agentCount}, "team-${i % 7}-*"]`,
    ...(wide ? [] : [`      servers: [server-${i % servers}]`]),
    `      tools: [tool-${i % toolsPerServer}, tool-${(i * 7) % toolsPerServer}, "list_*"]`,
    ...(i % 3 === 0 ? [`      effects: [read, write]`] : []),
    ...(i % 2 === 0 ? [`    when: args.limit <= ${limit} && task.class != "none-${i}" && !args.path.startsWith("/etc/${i}")`] : []),
    ...(i % 4 === 0 ? [`    message: Ask team ${i % 7} about rule ${i}.`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

export function writePolicies(directory: string, { rules, servers, files, generation }: PolicySize): void {
  mkdirSync(directory, { recursive: true });
  for (let file = 0; file < files; file++) {
    const mine = Array.from({ length: rules }, (_, i) => i).filter((i) => i % files === file);
    writeFileSync(join(directory, `team-${file}.yaml`), `rules:\n${mine.map((i) => ruleText(i, servers, generation)).join("")}`);
  }
}

export function writeRegistry(directory: string, { servers, generation = 0 }: PolicySize): void {
  mkdirSync(directory, { recursive: true });
  for (let i = 0; i < servers; i++) {
    const tools = Array.from({ length: toolsPerServer }, (_, t) => `  tool-${t}: { effect: ${effects[t % 3]}, trusted: ${t % 2 === 0} }\n`);
    const text = [
      `name: server-${i}`,
      `version: 1.${i}.${generation}`,
      `description: Server number ${i}.`,
      `owner: team-${i % 7}`,
      `contact: team-${i % 7}@example.com`,
      `riskTier: ${["low", "medium", "high"][i % 3]}`,
      `dataDomains: [domain-${i % 5}, domain-${i % 11}]`,
      `lifecycle: approved`,
      `endpoint: { transport: streamable-http, url: "http://127.0.0.1:1/${i}" }`,
      `tools:\n${tools.join("")}`,
    ];
    writeFileSync(join(directory, `server-${i}.yaml`), text.join("\n"));
  }
}

export interface BenchCall {
  readonly server: string;
  readonly agent: string;
  readonly taskClass: string;
  readonly tool: string;
  readonly args: unknown;
}

/** Calls as agents make them: each agent has a few servers that it goes back to. */
export function benchCalls(random: Random, servers: number, count: number): BenchCall[] {
  return Array.from({ length: count }, () => {
    const agent = random.int(0, agentCount);
    return {
      server: `server-${(agent * 13 + random.int(0, 8)) % servers}`,
      agent: `agent-${agent}`,
      taskClass: random.pick(taskClasses),
      tool: `tool-${random.int(0, toolsPerServer)}`,
      args: { path: `/data/${random.int(0, 1000)}`, limit: random.int(0, 500), text: "x".repeat(random.int(0, 200)) },
    };
  });
}

import { randomFrom } from "../../support/random.ts";
import { hour, minute, type SeedCall } from "./seed.ts";

/** One kind of task: its agent, how many a hour, and the calls it usually makes. */
export interface TaskKind {
  agent: string;
  taskClass: string;
  perHour: number;
  /** Alternatives of `server/tool`, one chosen for each task; `?` marks a call that is left out now and then. */
  plans: readonly (readonly string[])[];
}

interface Tool {
  effect: string;
  trusted: boolean;
  ms: number;
}

export const tools: Readonly<Record<string, Tool>> = {
  "github/list_issues": { effect: "read", trusted: true, ms: 6 },
  "github/get_issue": { effect: "read", trusted: false, ms: 5 },
  "github/add_comment": { effect: "write", trusted: true, ms: 9 },
  "github/create_issue": { effect: "write", trusted: true, ms: 9 },
  "github/delete_repo": { effect: "destructive", trusted: true, ms: 9 },
  "files/list": { effect: "read", trusted: true, ms: 3 },
  "files/read": { effect: "read", trusted: false, ms: 4 },
  "files/write": { effect: "write", trusted: true, ms: 5 },
  "files/delete": { effect: "destructive", trusted: true, ms: 5 },
  "mail/search": { effect: "read", trusted: true, ms: 5 },
  "mail/read": { effect: "read", trusted: false, ms: 5 },
  "mail/send": { effect: "write", trusted: true, ms: 8 },
};

export const kinds: readonly TaskKind[] = [
  { agent: "triage-bot", taskClass: "triage", perHour: 90, plans: [["github/list_issues", "github/get_issue", "github/add_comment"], ["github/list_issues", "github/get_issue", "github/get_issue?", "github/add_comment"]] },
  { agent: "doc-bot", taskClass: "docs", perHour: 80, plans: [["files/list", "files/read", "files/read?", "files/write"], ["files/read", "files/write"]] },
  { agent: "inbox-bot", taskClass: "inbox", perHour: 90, plans: [["mail/search", "mail/read", "mail/read?"], ["mail/search", "mail/read", "files/read?"]] },
  { agent: "release-bot", taskClass: "release", perHour: 60, plans: [["github/list_issues", "files/read", "github/create_issue"], ["github/list_issues", "files/list", "files/read", "mail/send"]] },
];

/** Ordinary work in [fromMs, toMs): tasks begin at random, their calls follow seconds apart, 1% are denied. */
export function ordinaryTraffic(fromMs: number, toMs: number, seed: number): SeedCall[] {
  const random = randomFrom(seed);
  const calls: SeedCall[] = [];
  for (const kind of kinds) {
    const tasks = Math.round(((toMs - fromMs) / hour) * kind.perHour);
    for (let i = 0; i < tasks; i++) {
      const plan = kind.plans[Math.floor(random() * kind.plans.length)]!;
      let atMs = fromMs + random() * (toMs - fromMs);
      const steps = plan.filter((step) => !step.endsWith("?") || random() < 0.4).map((step) => step.replace("?", ""));
      for (const step of steps) {
        atMs += 1000 + random() * 8000;
        if (atMs < toMs) calls.push(callOf(kind, `${kind.taskClass}-${i}`, step, atMs, random));
      }
    }
  }
  return calls.sort((a, b) => a.atMs - b.atMs);
}

export function callOf(kind: Pick<TaskKind, "agent" | "taskClass">, taskId: string, step: string, atMs: number, random: () => number): SeedCall {
  const [server, tool] = step.split("/") as [string, string];
  const { effect, trusted, ms } = tools[step]!;
  return {
    atMs: Math.round(atMs),
    agent: kind.agent,
    taskClass: kind.taskClass,
    taskId,
    server,
    tool,
    effect,
    trusted,
    denied: random() < 0.01,
    upstreamMs: ms * (0.7 + 0.6 * random()) * (random() < 0.03 ? 4 : 1),
    proxyUs: Math.round(250 + 150 * random()),
  };
}

/** One agent keeps trying a tool that it may not call: 6 attempts a minute. */
export function deniedAttempts(fromMs: number, toMs: number): SeedCall[] {
  const calls: SeedCall[] = [];
  for (let atMs = fromMs; atMs < toMs; atMs += 10_000) {
    calls.push({ atMs, agent: "doc-bot", taskClass: "docs", taskId: `docs-loop-${Math.floor((atMs - fromMs) / minute)}`, server: "files", tool: "write", effect: "write", denied: true, policyIds: ["no-writes-outside-docs"], reason: "rule" });
  }
  return calls;
}

/** A task of the inbox class that read a message and then did what the message said. */
export function hijackedTask(atMs: number): SeedCall[] {
  const steps = ["mail/search", "mail/read", "files/read", "mail/send", "files/delete"];
  return steps.map((step, i) => ({ ...callOf({ agent: "inbox-bot", taskClass: "inbox" }, "inbox-hijacked", step, atMs + i * 4000, () => 0.5), denied: false }));
}

/** The same calls with one server's answers taking 60 ms in a stretch of time. */
export function slowed(calls: readonly SeedCall[], server: string, fromMs: number, toMs: number): SeedCall[] {
  return calls.map((call) =>
    call.server === server && call.atMs >= fromMs && call.atMs < toMs ? { ...call, upstreamMs: 55 + (call.upstreamMs ?? 5) } : call,
  );
}

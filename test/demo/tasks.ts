import type { Random } from "../support/random.ts";
import { poisonedTicket } from "./upstreams.ts";

export interface PlannedCall {
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** One piece of work: who does it and which calls it takes. `atMs` counts from the start of the demo. */
export interface PlannedTask {
  readonly atMs: number;
  readonly agent: string;
  readonly calls: readonly PlannedCall[];
  /** A gullible agent does what the tool results tell it to. */
  readonly gullible: boolean;
}

const call = (server: string, tool: string, args: Record<string, unknown>): PlannedCall => ({ server, tool, args });
const ticket = (random: Random): string => `T-${random.int(1000, 1200)}`;

/** What each agent's ordinary work looks like: routines with some variation, as real ones have. */
const routines: Record<string, (random: Random) => PlannedCall[]> = {
  "triage-agent": (random) => {
    const calls = [call("tickets", "list_tickets", { queue: random.pick(["support", "billing"]) })];
    for (let n = random.int(1, 4); n > 0; n--) {
      const id = ticket(random);
      calls.push(call("tickets", "read_ticket", { id }));
      if (random.next() < 0.3) calls.push(call("files", "search_files", { query: random.pick(["login", "refund", "outage"]) }));
      calls.push(call("tickets", "update_ticket", { id, comment: `looked into ${id}` }));
    }
    return calls;
  },
  "research-agent": (random) => {
    const topic = random.pick(["churn", "pricing", "latency", "onboarding"]);
    const calls = [call("files", "search_files", { query: topic })];
    for (let n = random.int(2, 5); n > 0; n--) calls.push(call("files", "read_file", { path: `reports/${topic}-${random.int(1, 9)}.csv` }));
    calls.push(call("files", "write_file", { path: `notes/${topic}.md`, text: `summary of ${topic}` }));
    return calls;
  },
  "release-agent": (random) => {
    const version = `1.${random.int(0, 40)}.0`;
    const calls = [call("files", "read_file", { path: "CHANGELOG.md" }), call("tickets", "list_tickets", { queue: "release" })];
    if (random.next() < 0.5) calls.push(call("tickets", "read_ticket", { id: ticket(random) }));
    calls.push(call("files", "write_file", { path: `releases/${version}.md`, text: `notes for ${version}` }));
    calls.push(call("mail", "send_mail", { to: "team@example.com", subject: `Release ${version}`, body: "notes attached" }));
    // Now and then it tidies up where policy says no: the base rate of denials that a spike has to stand out from.
    if (random.next() < 0.06) calls.push(call("files", "delete_file", { path: `releases/${version}.tmp` }));
    return calls;
  },
};

const meanGapMs: Record<string, number> = { "triage-agent": 55_000, "research-agent": 75_000, "release-agent": 100_000 };

export const demo = {
  lengthMs: 3 * 60 * 60_000,
  denialSpike: { fromMs: 125 * 60_000, toMs: 135 * 60_000, agent: "release-agent" },
  slowTickets: { fromMs: 145 * 60_000, toMs: 170 * 60_000, delayMs: 80 },
  hijack: { atMs: 172 * 60_000, agent: "triage-agent" },
} as const;

/** The whole timeline, in order of time: ordinary work of three agents with three things that go wrong. */
export function planDemo(random: Random): PlannedTask[] {
  const tasks: PlannedTask[] = [];
  for (const [agent, routine] of Object.entries(routines)) {
    for (let t = random.exponential(meanGapMs[agent] ?? 60_000); t < demo.lengthMs; t += random.exponential(meanGapMs[agent] ?? 60_000)) {
      tasks.push({ atMs: t, agent, calls: routine(random), gullible: false });
    }
  }
  tasks.push(...denialSpike(random), hijack());
  return tasks.sort((a, b) => a.atMs - b.atMs);
}

/** A loop gone wrong: the agent wants a folder emptied, is told no, and tries the next file. */
function denialSpike(random: Random): PlannedTask[] {
  const { fromMs, toMs, agent } = demo.denialSpike;
  return Array.from({ length: 20 }, (_, i) => ({
    atMs: fromMs + ((toMs - fromMs) * i) / 20,
    agent,
    gullible: false,
    calls: Array.from({ length: 9 }, () => call("files", "delete_file", { path: `archive/${random.int(1, 400)}.log` })),
  }));
}

function hijack(): PlannedTask {
  return {
    atMs: demo.hijack.atMs,
    agent: demo.hijack.agent,
    gullible: true,
    calls: [call("tickets", "list_tickets", { queue: "support" }), call("tickets", "read_ticket", { id: poisonedTicket })],
  };
}

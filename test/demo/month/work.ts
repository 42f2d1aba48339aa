import type { Random } from "../../support/random.ts";
import { toolOf } from "./servers.ts";

export const hour = 3_600_000;
export const day = 24 * hour;

/** One leaf of a call's arguments; `from` is the call whose result the value came out of. */
export interface MonthArgument {
  readonly path: string;
  readonly value: string;
  readonly from?: MonthCall;
  /** How instruction-shaped the text around the value was there. */
  readonly score?: number;
}

/** A call of the month before it is a record. */
export interface MonthCall {
  readonly atMs: number;
  readonly agent: string;
  readonly taskClass: string;
  readonly taskId: string;
  readonly server: string;
  readonly tool: string;
  readonly args: readonly MonthArgument[];
  readonly upstreamMs: number;
  readonly proxyUs: number;
  /** What it was refused for, and by which rule ('' for the scope of its task). */
  readonly denied?: { readonly reason: string; readonly policy: string };
  readonly errorType?: string;
}

/** What an agent does for a living. */
export interface Work {
  readonly agent: string;
  readonly taskClass: string;
  /** Tasks an hour at the busiest time of a weekday, at night, and on weekends. */
  readonly perHour: { readonly busy: number; readonly night: number; readonly weekend: number };
  plan(random: Random): readonly Step[];
}

export interface Step {
  readonly server: string;
  readonly tool: string;
  /** Values by path; `<` is the value that the last untrusted result gave. */
  readonly args: Readonly<Record<string, string>>;
  readonly denied?: MonthCall["denied"];
}

const step = (name: string, args: Record<string, string>, denied?: MonthCall["denied"]): Step => {
  const [server = "", tool = ""] = name.split("/");
  return { server, tool, args, ...(denied && { denied }) };
};
const times = (n: number, make: () => readonly Step[]): Step[] => Array.from({ length: n }, make).flat();
const ticket = (random: Random): string => `T-${random.int(1000, 9999)}`;
const deletesNothing = { reason: "rule_denies", policy: "nobody-deletes-files" };
const outOfScope = { reason: "task_scope", policy: "" };

/** Five agents with routines that vary as real ones do: optional steps, repeated ones, polls, refusals out of habit, and values
 * that go from what strangers wrote into later calls because that is the work. */
export const works: readonly Work[] = [
  {
    agent: "triage-agent",
    taskClass: "ticket-triage",
    perHour: { busy: 30, night: 8, weekend: 6 },
    plan: (random) => [
      step("tickets/list_tickets", { "/queue": random.pick(["support", "billing"]) }),
      ...times(random.int(1, 4), () => [
        step("tickets/read_ticket", { "/id": ticket(random) }),
        ...(random.next() < 0.25 ? [step("files/search_files", { "/query": random.pick(["login", "refund", "outage", "invoice"]) })] : []),
        step("tickets/update_ticket", { "/id": ticket(random), "/comment": random.next() < 0.5 ? "<" : `looked into it ${random.int(0, 1e6)}` }),
      ]),
      ...(random.next() < 0.08 ? [step("mail/send_mail", { "/to": `customer-${random.int(1, 400)}@example.com`, "/subject": "your ticket" })] : []),
    ],
  },
  {
    agent: "research-agent",
    taskClass: "research",
    perHour: { busy: 14, night: 0, weekend: 0 },
    plan: (random) => {
      const topic = random.pick(["churn", "pricing", "latency", "onboarding"]);
      return [
        step("files/search_files", { "/query": topic }),
        ...times(random.int(2, 6), () => [step("files/read_file", { "/path": `reports/${topic}-${random.int(1, 99)}.csv` })]),
        step("files/write_file", { "/path": `notes/${topic}-${random.int(1, 99)}.md` }),
      ];
    },
  },
  {
    agent: "release-agent",
    taskClass: "release",
    perHour: { busy: 7, night: 0, weekend: 0 },
    plan: (random) => {
      const version = `1.${random.int(0, 400)}.0`;
      return [
        step("files/read_file", { "/path": "CHANGELOG.md" }),
        step("builds/list_builds", { "/branch": version }),
        ...(random.next() < 0.5 ? [step("builds/get_log", { "/id": `b-${random.int(1, 9999)}` })] : []),
        step("files/write_file", { "/path": `releases/${version}.md` }),
        step("mail/send_mail", { "/to": "team@example.com", "/subject": version }),
        ...(random.next() < 0.06 ? [step("files/delete_file", { "/path": `releases/${version}.tmp` }, deletesNothing)] : []),
      ];
    },
  },
  {
    agent: "account-agent",
    taskClass: "account-care",
    perHour: { busy: 16, night: 0, weekend: 1 },
    plan: (random) => [
      step("crm/find_account", { "/name": `company-${random.int(1, 900)}` }),
      step("crm/read_account", { "/id": `A-${random.int(1, 900)}` }),
      ...(random.next() < 0.6 ? [step("tickets/read_ticket", { "/id": ticket(random) })] : []),
      step("crm/update_account", { "/id": `A-${random.int(1, 900)}`, "/note": "<" }),
      ...(random.next() < 0.3 ? [step("mail/send_mail", { "/to": `contact-${random.int(1, 900)}@example.com`, "/subject": "your account" })] : []),
    ],
  },
  {
    agent: "build-agent",
    taskClass: "build-watch",
    perHour: { busy: 20, night: 14, weekend: 14 },
    plan: (random) => {
      const branch = `feature-${random.int(1, 300)}`;
      return [
        // It asks until the build is over: the same call, again and again.
        ...times(random.int(1, 6), () => [step("builds/list_builds", { "/branch": branch })]),
        step("builds/get_log", { "/id": `b-${random.int(1, 9999)}` }),
        ...(random.next() < 0.4 ? [step("builds/trigger_build", { "/branch": "<" })] : []),
        // Its scope is drawn too narrowly, which is a matter for the people who drew it.
        ...(random.next() < 0.05 ? [step("files/search_files", { "/query": branch }, outOfScope)] : []),
      ];
    },
  },
];

export function workOf(agent: string): Work {
  const found = works.find((work) => work.agent === agent);
  if (!found) throw new Error(`nobody in the month is called ${agent}`);
  return found;
}

/** What a task takes from the world around it: how an hour goes for a server. */
export interface Weather {
  /** By how much a server's answers take longer in this hour. */
  slow(server: string): number;
  /** The share of a server's calls that fail in this hour. */
  flaky(server: string): number;
}

/** The calls of one task, seconds apart. What fails is tried again, as agents do. */
export function taskCalls(of: { work: Work; taskId: string; atMs: number; steps: readonly Step[] }, random: Random, weather: Weather): MonthCall[] {
  const calls: MonthCall[] = [];
  let atMs = of.atMs;
  let untrusted: MonthCall | undefined;
  const add = (s: Step, errorType?: string): MonthCall => {
    const { ms, trusted } = toolOf(s.server, s.tool);
    atMs += 800 + random.exponential(4000);
    // Answers spread over a factor of two either way, and some take four times as long.
    const upstreamMs = ms * weather.slow(s.server) * Math.exp(0.35 * (random.next() + random.next() + random.next() - 1.5) * 2) * (random.next() < 0.03 ? 4 : 1);
    const call: MonthCall = {
      atMs: Math.round(atMs),
      agent: of.work.agent,
      taskClass: of.work.taskClass,
      taskId: of.taskId,
      server: s.server,
      tool: s.tool,
      args: Object.entries(s.args).map(([path, value]) => argument(path, value, untrusted, random)),
      upstreamMs,
      proxyUs: Math.round(200 + 200 * random.next()),
      ...(s.denied && { denied: s.denied }),
      ...(errorType && { errorType }),
    };
    atMs += upstreamMs;
    calls.push(call);
    if (!trusted && !errorType) untrusted = call;
    return call;
  };
  for (const s of of.steps) {
    let tries = 0;
    while (!s.denied && tries < 3 && random.next() < weather.flaky(s.server)) {
      add(s, random.next() < 0.7 ? "tool_error" : "timeout");
      tries += 1;
    }
    add(s);
  }
  return calls;
}

function argument(path: string, value: string, untrusted: MonthCall | undefined, random: Random): MonthArgument {
  if (value !== "<") return { path, value };
  if (!untrusted) return { path, value: `v-${random.int(0, 1e9)}` };
  // Some of what strangers write looks like instructions to its reader, and is not.
  return { path, value: `v-${random.int(0, 1e9)}`, from: untrusted, score: random.next() < 0.1 ? 0.6 : 0 };
}

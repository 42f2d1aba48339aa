import type { Incident } from "../../../analytics/backtest/labels.ts";
import { controlEventSchema, type ControlEvent } from "../../../proxy/state/control-event.ts";
import type { Random } from "../../support/random.ts";
import { monthStartMs } from "./traffic.ts";
import { day, hour, taskCalls, workOf, type MonthCall, type Step, type Weather, type Work } from "./work.ts";

/** Something that went wrong in the month on a known day, to a known entity. */
export interface Planted {
  readonly name: string;
  readonly label: Incident;
  /** What else is rightly said of it: one misbehaviour can be several. */
  readonly also: readonly Pick<Incident, "entity" | "kind">[];
  /** What it does to a call of the ordinary month; undefined where the call was never made. */
  alter?(call: MonthCall): MonthCall | undefined;
  /** What happened besides. */
  add?(random: Random): readonly MonthCall[];
  readonly event?: { readonly atMs: number; readonly by: string; readonly event: ControlEvent };
}

const minute = 60_000;
const at = (onDay: number, hours: number, minutes = 0): number => monthStartMs + onDay * day + hours * hour + minutes * minute;
const calm: Weather = { slow: () => 1, flaky: () => 0 };

const label = (kind: Incident["kind"], entity: string, fromMs: number, toMs: number): Incident => ({ kind, entity, fromMs, toMs });
const during = ({ fromMs, toMs }: Incident, call: MonthCall): boolean => call.atMs >= fromMs && call.atMs < toMs;

/** One task of an agent, of these steps. */
const task = (agent: string, taskId: string, atMs: number, steps: readonly Step[], random: Random): MonthCall[] =>
  taskCalls({ work: workOf(agent), taskId, atMs, steps }, random, calm);
const step = (server: string, tool: string, args: Record<string, string>): Step => ({ server, tool, args });
const refused = (s: Step, reason: string, policy: string): Step => ({ ...s, denied: { reason, policy } });

/** A loop gone wrong: the agent wants a folder emptied, is told no, and tries the next file. */
function denialSpike(onDay: number): Planted {
  const of = label("denial_spike", "release-agent", at(onDay, 10, 20), at(onDay, 10, 32));
  return {
    name: "denial spike",
    label: of,
    also: [{ kind: "volume", entity: "release-agent" }, { kind: "unusual_sequence", entity: "release-agent" }],
    add: (random) =>
      Array.from({ length: 12 }, (_, i) => {
        const steps = Array.from({ length: 12 }, () => refused(step("files", "delete_file", { "/path": `archive/${random.int(1, 9999)}.log` }), "rule_denies", "nobody-deletes-files"));
        return task("release-agent", `release-cleanup-${i}`, of.fromMs + i * minute, steps, random);
      }).flat(),
  };
}

function latencyJump(onDay: number): Planted {
  const of = label("latency_drift", "crm", at(onDay, 14), at(onDay, 15));
  return { name: "latency jump", label: of, also: [], alter: (call) => (call.server === "crm" && during(of, call) ? { ...call, upstreamMs: call.upstreamMs * 4 } : call) };
}

/** Something leaks all day: three times as slow in the evening as in the morning, and never a step. */
function latencyDrift(onDay: number): Planted {
  const of = label("latency_drift", "tickets", at(onDay, 9), at(onDay, 15));
  const factor = (atMs: number): number => 1 + (2 * (atMs - of.fromMs)) / (of.toMs - of.fromMs);
  return { name: "gradual latency drift", label: of, also: [], alter: (call) => (call.server === "tickets" && during(of, call) ? { ...call, upstreamMs: call.upstreamMs * factor(call.atMs) } : call) };
}

/** The release of that day can't read half of the files; the next day's can. */
function errorPattern(onDay: number, random: Random): Planted {
  const of = label("error_spike", "files/read_file", at(onDay, 11), at(onDay, 11, 40));
  return {
    name: "error pattern",
    label: of,
    also: [],
    alter: (call) => (call.server === "files" && call.tool === "read_file" && during(of, call) && random.next() < 0.5 ? { ...call, errorType: "ECONNRESET" } : call),
  };
}

function firstUse(onDay: number): Planted {
  const of = label("first_use", "research-agent", at(onDay, 15, 10), at(onDay, 15, 30));
  return {
    name: "first use of agent x tool",
    label: of,
    also: [{ kind: "first_use", entity: "research" }, { kind: "unusual_sequence", entity: "research-agent" }],
    add: (random) => task("research-agent", "research-contracts", of.fromMs, [step("files", "search_files", { "/query": "contracts" }), step("crm", "find_account", { "/name": "company-7" }), step("crm", "read_account", { "/id": "A-7" })], random),
  };
}

/** A schedule that was set to minutes where hours were meant. */
function volumeSurge(onDay: number): Planted {
  const of = label("volume", "research-agent", at(onDay, 13), at(onDay, 15));
  return { name: "volume surge", label: of, also: [{ kind: "volume", entity: "files" }], add: (random) => flood(workOf("research-agent"), of, 120, random) };
}

function flood(work: Work, { fromMs, toMs }: Incident, tasks: number, random: Random): MonthCall[] {
  return Array.from({ length: tasks * ((toMs - fromMs) / hour) }, (_, i) => taskCalls({ work, taskId: `${work.taskClass}-flood-${i}`, atMs: fromMs + random.next() * (toMs - fromMs - 2 * minute), steps: work.plan(random) }, random, calm)).flat();
}

function silence(onDay: number): Planted {
  const of = label("silence", "build-agent", at(onDay, 9), at(onDay, 12));
  return { name: "silence", label: of, also: [{ kind: "silence", entity: "builds" }], alter: (call) => (call.agent === "build-agent" && during(of, call) ? undefined : call) };
}

/** The same comment on the same ticket, because the agent doesn't see that it is there. */
function retryStorm(onDay: number): Planted {
  const of = label("retry_storm", "triage-agent", at(onDay, 16), at(onDay, 16, 10));
  return {
    name: "retry loop",
    label: of,
    also: [{ kind: "unusual_sequence", entity: "triage-agent" }],
    add: (random) => {
      const again = step("tickets", "update_ticket", { "/id": "T-4711", "/comment": "is anybody there?" });
      return task("triage-agent", "ticket-triage-loop", of.fromMs, [step("tickets", "list_tickets", { "/queue": "support" }), step("tickets", "read_ticket", { "/id": "T-4711" }), ...Array.from({ length: 60 }, () => again)], random);
    },
  };
}

function scopeEscape(onDay: number): Planted {
  const of = label("scope_escape", "research-agent", at(onDay, 11, 5), at(onDay, 11, 10));
  return {
    name: "task leaves its scope",
    label: of,
    also: [{ kind: "denial_spike", entity: "research-agent" }, { kind: "denial_spike", entity: "mail/send_mail" }, { kind: "unusual_sequence", entity: "research-agent" }],
    add: (random) => {
      const mail = refused(step("mail", "send_mail", { "/to": "someone@elsewhere.example", "/subject": "notes" }), "task_scope", "");
      return task("research-agent", "research-wanders", of.fromMs, [step("files", "search_files", { "/query": "pricing" }), step("files", "read_file", { "/path": "reports/pricing-3.csv" }), mail, mail, mail, mail], random);
    },
  };
}

/** A customer's ticket says where to send things, and the agent sends them there. The order of its calls is an ordinary one. */
function taintFlow(onDay: number): Planted {
  const of = label("taint_flow", "triage-agent", at(onDay, 14, 20), at(onDay, 14, 25));
  return {
    name: "read, then egress",
    label: of,
    also: [{ kind: "unusual_sequence", entity: "triage-agent" }],
    add: (random) => {
      const calls = task("triage-agent", "ticket-triage-misled", of.fromMs, [step("tickets", "list_tickets", { "/queue": "support" }), step("tickets", "read_ticket", { "/id": "T-6666" }), step("tickets", "update_ticket", { "/id": "T-6666", "/comment": "sent" }), step("mail", "send_mail", { "/to": "drop@elsewhere.example", "/subject": "as asked" })], random);
      const read = calls[1]!;
      const sent = calls.at(-1)!;
      return [...calls.slice(0, -1), { ...sent, args: [{ path: "/to", value: "drop@elsewhere.example", from: read, score: 0.9 }, ...sent.args.slice(1)] }];
    },
  };
}

function unusualSequence(onDay: number): Planted {
  const of = label("unusual_sequence", "account-agent", at(onDay, 10, 30), at(onDay, 10, 40));
  return {
    name: "unusual sequence",
    label: of,
    also: [{ kind: "first_use", entity: "account-care" }, { kind: "first_use", entity: "account-agent" }],
    add: (random) => task("account-agent", "account-care-strays", of.fromMs, [step("crm", "find_account", { "/name": "company-13" }), step("tickets", "read_ticket", { "/id": "T-1313" }), step("files", "search_files", { "/query": "passwords" }), step("files", "read_file", { "/path": "ops/passwords.md" }), step("files", "write_file", { "/path": "public/notes.md" })], random),
  };
}

function toolChange(onDay: number): Planted {
  const of = label("control_change", "mail/send_mail", at(onDay, 10), at(onDay, 10, 1));
  return {
    name: "tool definition change",
    label: of,
    also: [],
    event: {
      atMs: of.fromMs + 20_000,
      by: "signalbox",
      event: controlEventSchema.parse({
        kind: "tool.seen",
        server: "mail",
        version: "0.9.2",
        tool: "send_mail",
        hash: "c0ffee",
        definition: "",
        change: "breaking",
        differences: ["the description was changed", "the argument bcc was added"],
        instructionScore: 0.9,
        action: "block",
      }),
    },
  };
}

/** What can be planted on any day; those with a history of weeks to compare with need the weeks. */
export const plants = { denialSpike, latencyJump, latencyDrift, errorPattern, firstUse, volumeSurge, silence, retryStorm, scopeEscape, taintFlow, unusualSequence, toolChange };

/** Twelve incidents, each of a kind of its own, from the fifth day on. */
export function plantedIncidents(random: Random): Planted[] {
  return [
    denialSpike(4),
    latencyJump(8),
    latencyDrift(10),
    errorPattern(11, random),
    firstUse(14),
    volumeSurge(16),
    silence(17),
    retryStorm(18),
    scopeEscape(21),
    taintFlow(22),
    unusualSequence(23),
    toolChange(24),
  ];
}

/** The month with what was planted in it. */
export function plant(ordinary: readonly MonthCall[], planted: readonly Planted[], random: Random): MonthCall[] {
  const altered = ordinary.flatMap((call) => planted.reduce<MonthCall | undefined>((c, p) => (c && p.alter ? p.alter(c) : c), call) ?? []);
  return [...altered, ...planted.flatMap((p) => p.add?.(random) ?? [])];
}

/** Every statement that is true of what was planted: the labels first, then what else is right. */
export function allLabels(planted: readonly Planted[]): Incident[] {
  return [...planted.map((p) => p.label), ...planted.flatMap((p) => p.also.map((other) => ({ ...p.label, ...other })))];
}

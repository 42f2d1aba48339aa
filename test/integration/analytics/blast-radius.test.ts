import { Command } from "commander";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBlastRadius, type BlastRadius } from "../../../analytics/blast-radius/read.ts";
import type { BlastQuestion } from "../../../analytics/blast-radius/question.ts";
import { registerAnalytics } from "../../../analytics/command.ts";
import { nullDigest } from "../../../collector/record/call-record.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { commandContext } from "../../support/command-context.ts";
import type { TestEngine } from "../../support/engine.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { insertCalls, minute, type SeedCall } from "./seed.ts";

const t0 = Date.UTC(2026, 0, 5, 10);
let engine: TestEngine;
let store: Store;
let dir: string;

/** `at` in minutes; `args` are paths of arguments and what they name, in place of its digest. */
interface Step {
  readonly at: number;
  readonly agent: string;
  readonly what: `${string}/${string}`;
  readonly effect?: string;
  readonly task?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly columns?: Record<string, unknown>;
}

const step = ({ at, agent, what, effect = "read", task = "", args = {}, columns = {} }: Step): SeedCall => {
  const [server, tool] = what.split("/") as [string, string];
  const paths = Object.keys(args);
  return {
    atMs: t0 + at * minute,
    agent,
    server,
    tool,
    effect,
    taskId: task,
    columns: {
      principal: `${agent}-owner`,
      credential_id: `key-${agent}`,
      owner: `${server}-team`,
      risk_tier: server === "mail" ? "high" : "low",
      data_domains: [`${server}-data`],
      server_version: "1.0",
      attempts: 1,
      arg_paths: paths,
      arg_digests: Object.values(args),
      arg_flow_from: paths.map(() => 0),
      arg_flow_scores: paths.map(() => 0),
      ...columns,
    },
  };
};

/** Call ids are p1-1, p1-2, ... in this order; the answers below were worked out from this list by hand. */
const steps: readonly Step[] = [
  // 1-6: task A reads a poisoned ticket at 10:10, after which it writes.
  { at: 0, agent: "triage", what: "files/read", task: "A", args: { "/path": "notes" } }, // 1
  { at: 5, agent: "triage", what: "files/write", effect: "write", task: "A", args: { "/path": "early" } }, // 2: before the seed
  { at: 10, agent: "triage", what: "tickets/read", task: "A", args: { "/ticket_id": "T7" } }, // 3: the seed
  { at: 12, agent: "triage", what: "files/write", effect: "write", task: "A", args: { "/path": "report", "/content": "body", "/target": nullDigest } }, // 4
  { at: 13, agent: "triage", what: "files/write", effect: "write", task: "A", args: { "/path": "refused" }, columns: { decision: "deny", outcome: "denied", attempts: 3 } }, // 5
  { at: 14, agent: "triage", what: "mail/send", effect: "egress", task: "A", args: { "/to": "T7" }, columns: { arg_flow_from: [3], outcome: "timeout" } }, // 6
  // 7-10: task B reads the report, and writes on.
  { at: 11, agent: "writer", what: "files/read", task: "B", args: { "/path": "report" } }, // 7: before it was written
  { at: 20, agent: "writer", what: "files/read", task: "B", args: { "/filePath": "report" } }, // 8: depth 1
  { at: 22, agent: "writer", what: "mail/update", effect: "write", task: "B", args: { "/draftId": "D1", "/count": "5" } }, // 9
  { at: 23, agent: "writer", what: "files/delete", effect: "destructive", task: "B", args: { "/paths/*": "old" } }, // 10
  // 11-12: a session without a task reads the draft under another spelling of the same name.
  { at: 30, agent: "sender", what: "mail/read", args: { "/draft_id": "D1" }, columns: { session_id: "S1" } }, // 11: depth 2
  { at: 31, agent: "sender", what: "crm/put", effect: "write", args: { "/record_id": "R1" }, columns: { session_id: "S1" } }, // 12
  // 13: a burst reads the record: depth 3, so not by default.
  { at: 40, agent: "loner", what: "crm/get", args: { "/record_id": "R1" } }, // 13
  { at: 60, agent: "loner", what: "crm/list" }, // 14: the same burst
  { at: 95, agent: "loner", what: "crm/list" }, // 15: another one
  // What must stay out: another server, another argument, a failed read, what was refused, what was written before, the count.
  { at: 50, agent: "other", what: "wiki/read", task: "X1", args: { "/path": "report" } }, // 16
  { at: 50, agent: "other", what: "files/read", task: "X2", args: { "/pattern": "report" } }, // 17
  { at: 50, agent: "other", what: "files/read", task: "X3", args: { "/path": "report" }, columns: { outcome: "tool_error" } }, // 18
  { at: 50, agent: "other", what: "files/read", task: "X4", args: { "/path": "refused" } }, // 19
  { at: 50, agent: "other", what: "files/read", task: "X5", args: { "/path": "early" } }, // 20
  { at: 50, agent: "other", what: "mail/read", task: "X6", args: { "/count": "5" } }, // 21
  { at: 50, agent: "other", what: "mail/read", task: "X7", args: { "/message_id": "D1" } }, // 22: an id of something else
  { at: 50, agent: "other", what: "files/profile", task: "X8", args: { "/profile": "report" } }, // 23
  // 24-26: by resource URI, in traces; a notification and a ping are nobody's doing.
  { at: 70, agent: "poller", what: "memo/put", effect: "write", columns: { parent_span_id: "00000000000000aa", trace_id: "t".repeat(32), resource_uri: "memo://1" } }, // 24
  { at: 71, agent: "reader", what: "memo/", columns: { parent_span_id: "00000000000000bb", trace_id: "u".repeat(32), method: "resources/read", effect: "", resource_uri: "memo://1" } }, // 25
  { at: 72, agent: "poller", what: "memo/", columns: { parent_span_id: "00000000000000aa", trace_id: "t".repeat(32), method: "ping", effect: "" } }, // 26
  // 27-29: a cycle of two tasks, whose second is reached earlier by the longer way.
  { at: 80, agent: "ring-a", what: "ring/put", effect: "write", task: "R1", args: { "/key": "k1" } }, // 27
  { at: 81, agent: "ring-b", what: "ring/get", task: "R2", args: { "/key": "k1" } }, // 28
  { at: 82, agent: "ring-b", what: "ring/put", effect: "write", task: "R2", args: { "/key": "k2" } }, // 29
  { at: 83, agent: "ring-a", what: "ring/get", task: "R1", args: { "/key": "k2" } }, // 30
  { at: 84, agent: "ring-c", what: "ring/get", task: "R3", args: { "/key": "k2" } }, // 31: depth 2
  { at: 90, agent: "ring-a", what: "ring/put", effect: "write", task: "R1", args: { "/key": "k3" } }, // 32
  { at: 91, agent: "ring-c", what: "ring/get", task: "R3", args: { "/key": "k3" } }, // 33: depth 1
  { at: 92, agent: "other", what: "files/read", task: "X9", args: { "/target": nullDigest } }, // 34: out too, as nothing was named
];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "signalbox-blast-"));
  engine = await startMigratedEngine();
  store = createStoreClient({ url: engine.url, caller: "test" });
  const calls = steps.map(step);
  await insertCalls(store, calls);
  // Delivered twice.
  await insertCalls(store, [{ ...calls[3]!, seq: 4 }, { ...calls[7]!, seq: 8 }]);
  const server = { published_at: new Date(t0).toISOString(), version: "1.0", risk_tier: "low", lifecycle: "approved" };
  await store.insert("registry_servers", [
    { ...server, revision: "r1", server: "files", owner: "files-team", contact: "old@example.com" },
    { ...server, revision: "r2", published_at: new Date(t0 + minute).toISOString(), server: "files", owner: "files-team", contact: "files@example.com" },
    { ...server, revision: "r1", server: "mail", owner: "mail-team", contact: "mail@example.com" },
  ]);
  writeFileSync(join(dir, "signalbox.yaml"), `store:\n  url: ${engine.url}\n`);
});
afterAll(async () => {
  await store?.close();
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const nothing: BlastQuestion = { callId: "", server: "", serverVersion: "", agent: "", credential: "", sinceMs: null, untilMs: null, depth: 2 };
const of = (question: Partial<BlastQuestion>, most = 1000): Promise<BlastRadius> => readBlastRadius(store, { ...nothing, ...question }, most);
/** `3:0 seed`, `8:1 reads 4`: number, depth, why. */
const members = (blast: BlastRadius): string[] =>
  blast.calls.rows.map((c) => {
    const via = c.via.replace("p1-", "");
    const why = { seed: "seed", "same piece of work": `after ${via}`, "takes a value from a result": `value ${via}`, "reads what was written": `reads ${via}` }[c.edge];
    return `${c.callId.replace("p1-", "")}:${c.depth} ${why}`;
  });
const numbers = (blast: BlastRadius): number[] => blast.calls.rows.map((c) => Number(c.callId.replace("p1-", ""))).sort((a, b) => a - b);

describe("from a call", () => {
  test("it reaches what came later in its task, and what read what that wrote, each with the way", async () => {
    expect(members(await of({ callId: "p1-3" }))).toEqual([
      "3:0 seed", "4:0 after 3", "5:0 after 3", "6:0 value 3",
      "8:1 reads 4", "9:1 after 8", "10:1 after 8",
      "11:2 reads 9", "12:2 after 11",
    ]);
  });

  test("the numbers, servers, owners and pieces of work are those of these calls", async () => {
    const { summary, servers, work, writes } = await of({ callId: "p1-3" });
    expect(summary).toEqual({
      records: 9, calls: 11, seeds: 1, later: 10, piecesOfWork: 3, secondOrderPieces: 2, servers: 4,
      agents: ["sender", "triage", "writer"], principals: ["sender-owner", "triage-owner", "writer-owner"],
      dataDomains: ["crm-data", "files-data", "mail-data", "tickets-data"], tiers: ["high", "low"],
      writes: 4, uncertainWrites: 1, notAllowed: 3,
      firstAt: "2026-01-05T10:10:00.000000Z", lastAt: "2026-01-05T10:31:00.000000Z", deepest: 2,
    });
    expect(servers).toEqual({
      more: 0,
      rows: [
        { server: "files", versions: ["1.0"], tiers: ["low"], dataDomains: ["files-data"], owner: "files-team", contact: "files@example.com", lifecycle: "approved", calls: 6, writes: 2, uncertainWrites: 0, depth: 0 },
        { server: "mail", versions: ["1.0"], tiers: ["high"], dataDomains: ["mail-data"], owner: "mail-team", contact: "mail@example.com", lifecycle: "approved", calls: 3, writes: 1, uncertainWrites: 1, depth: 0 },
        { server: "crm", versions: ["1.0"], tiers: ["low"], dataDomains: ["crm-data"], owner: "crm-team", contact: "", lifecycle: "", calls: 1, writes: 1, uncertainWrites: 0, depth: 2 },
        { server: "tickets", versions: ["1.0"], tiers: ["low"], dataDomains: ["tickets-data"], owner: "tickets-team", contact: "", lifecycle: "", calls: 1, writes: 0, uncertainWrites: 0, depth: 0 },
      ],
    });
    expect(work.rows.map((w) => [w.piece, w.depth, w.entry, w.edge, w.via, w.named, w.calls, w.writes])).toEqual([
      ["task A", 0, "p1-3", "seed", "", "", 6, 1],
      ["task B", 1, "p1-8", "reads what was written", "p1-4", "files argument filePath", 3, 2],
      ["session sender S1", 2, "p1-11", "reads what was written", "p1-9", "mail argument draft_id", 2, 1],
    ]);
    expect(writes.rows.map((c) => [c.callId, c.wrote, c.mayHaveWritten])).toEqual([
      ["p1-4", true, false], ["p1-6", false, true], ["p1-9", true, false], ["p1-10", true, false], ["p1-12", true, false],
    ]);
  });

  test.each([
    [0, [3, 4, 5, 6]],
    [1, [3, 4, 5, 6, 8, 9, 10]],
    [3, [3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]],
    [10, [3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]],
  ])("depth %i ends it", async (depth, expected) => {
    expect(numbers(await of({ callId: "p1-3", depth }))).toEqual(expected);
  });

  test("rows are bounded, and what is left out is counted", async () => {
    const { calls, servers, work, writes } = await of({ callId: "p1-3" }, 2);
    expect([calls, servers, work, writes].map((t) => [t.rows.length, t.more])).toEqual([[2, 7], [2, 2], [2, 1], [2, 3]]);
  });

  test("a resource's URI leads from a write to a read, and a piece of work may be a trace", async () => {
    expect(members(await of({ callId: "p1-24" }))).toEqual(["24:0 seed", "25:1 reads 24"]);
  });

  test("work that reads from each other ends, and each call is in by its shortest way", async () => {
    expect(members(await of({ callId: "p1-27", depth: 10 }))).toEqual([
      "27:0 seed", "30:0 after 27", "32:0 after 27",
      "28:1 reads 27", "29:1 after 28", "33:1 reads 32",
      "31:2 reads 29",
    ]);
  });

  test("a call that was never recorded reaches nothing", async () => {
    expect((await of({ callId: "p1-999" })).summary).toMatchObject({ records: 0, firstAt: "" });
  });
});

describe("from many calls", () => {
  test.each<[string, Partial<BlastQuestion>, number[]]>([
    ["a server's answers", { server: "tickets" }, [3, 4, 5, 6, 8, 9, 10, 11, 12]],
    ["one version's answers", { server: "tickets", serverVersion: "2.0" }, []],
    ["a server's answers in a stretch of time", { server: "files", sinceMs: t0 + 12 * minute, untilMs: t0 + 14 * minute, depth: 0 }, [4, 5, 6]],
    ["a server's refused call, which reached nobody", { server: "files", sinceMs: t0 + 13 * minute, untilMs: t0 + 14 * minute }, []],
    ["an agent's calls", { agent: "writer" }, [7, 8, 9, 10, 11, 12, 13, 14]],
    ["a credential's calls", { credential: "key-writer" }, [7, 8, 9, 10, 11, 12, 13, 14]],
    ["calls of an agent with another's credential", { credential: "key-writer", agent: "sender" }, []],
    ["an agent's first burst", { agent: "loner", untilMs: t0 + 41 * minute }, [13, 14]],
    ["an agent's calls without its pings", { agent: "poller" }, [24, 25]],
    ["every call in a stretch of time", { sinceMs: t0 + 40 * minute, untilMs: t0 + 41 * minute }, [13, 14]],
  ])("%s", async (_name, question, expected) => {
    expect(numbers(await of(question))).toEqual(expected);
  });
});

describe("the views answer an investigator who writes SQL", () => {
  test.each([
    ["blast_radius(call_id = 'p1-3')", [3, 4, 5, 6, 8, 9, 10, 11, 12]],
    ["blast_radius_of_server(server = 'tickets', since = '', until = '')", [3, 4, 5, 6, 8, 9, 10, 11, 12]],
    ["blast_radius_of_agent(agent = 'loner', since = '2026-01-05 10:50', until = '')", [14, 15]],
    ["blast_radius_of_credential(credential = 'key-loner', since = '', until = '2026-01-05T10:41:00Z')", [13, 14]],
    ["blast_radius_of_time(since = '2026-01-05 10:40', until = '2026-01-05 10:41')", [13, 14]],
  ])("%s", async (view, expected) => {
    const rows = await store.query<{ seq: string }>(`SELECT seq FROM ${view}`);
    expect(rows.map((row) => Number(row.seq)).sort((a, b) => a - b)).toEqual(expected);
  });
});

describe("the command", () => {
  const run = async (...args: string[]): Promise<string[]> => {
    const { context, lines } = commandContext(dir, t0 + 100 * minute);
    const program = new Command("signalbox").exitOverride().configureOutput({ writeErr: () => undefined });
    registerAnalytics(program, context);
    await program.parseAsync(["blast-radius", ...args], { from: "user" });
    return lines;
  };

  test("says numbers first, then whom to call", async () => {
    const lines = await run("p1-3");
    expect(lines.slice(0, 12)).toEqual([
      "Blast radius of call p1-3, to depth 2",
      "  11 calls: 1 seed, 10 later; 3 not allowed; 2026-01-05 10:10:00 to 2026-01-05 10:31:00 UTC",
      "  3 pieces of work, 2 of them only because they read what was written",
      "  4 servers; tiers: high, low; data: crm-data, files-data, mail-data, tickets-data",
      "  4 writes made, and 1 call that may have written (no answer, or an undeclared effect)",
      "  agents: sender, triage, writer; on behalf of: sender-owner, triage-owner, writer-owner",
      "",
      "Whom to call:",
      "  owner         contact            servers",
      "  files-team    files@example.com  files",
      "  mail-team     mail@example.com   mail",
      "  crm-team      -                  crm",
    ]);
    expect(lines.some((line) => /p1-8 .*reads what p1-4 wrote \(files argument filePath\)$/.test(line))).toBe(true);
  });

  test("takes ages for times, and prints JSON", async () => {
    const answer = JSON.parse((await run("--agent", "loner", "--since", "10m", "--json")).join("\n")) as BlastRadius;
    expect(answer.calls.rows.map((c) => c.callId)).toEqual(["p1-15"]);
    expect(answer.question).toMatchObject({ agent: "loner", sinceMs: t0 + 90 * minute, depth: 2 });
  });

  test("what calls hold can't steer a terminal", async () => {
    await insertCalls(store, [{ ...step({ at: 99, agent: "ev\u001b[2Jil\u202e", what: "files/read", task: "H\nFake line", args: { "/x": "1" } }), seq: 900 }]);
    const text = (await run("p1-900")).join("\n");
    expect(text).toContain("ev\ufffd[2Jil\ufffd");
    expect(text).toContain("task H\ufffdFake line");
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  test.each([
    [[], "nothing to start from"],
    [["p1-3", "--agent", "a"], "a call is a seed by itself"],
    [["not-a-call"], "that is not a call id"],
    [["--server-version", "1"], "a version is of a server"],
    [["--since", "2026-01-02", "--until", "2026-01-01"], "--until is not after --since"],
    [["--since", "soon"], "cannot read soon as a time"],
    [["p1-3", "--depth", "11"], "a whole number from 0 to 10"],
  ])("%j is refused", async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
  });
});

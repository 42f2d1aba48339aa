import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Store } from "../../../collector/store/client.ts";
import { explainCall } from "../../../dashboards/index.ts";
import { explanationLines } from "../../../dashboards/explain-print.ts";
import { toRow } from "../../../proxy/state/publish-events.ts";
import { caller, ben, cleo, Desk, hour, minute, op, openTask, request, t0 } from "../../unit/people/control.ts";
import { startStore } from "./console.ts";
import { callRow, hostile, producer } from "./seed.ts";

const iso = (ms: number): string => new Date(ms).toISOString();
const entry = { name: "github", version: "1.4.0", owner: "team-dev", lifecycle: "approved", handling: { instructions: "quarantine" }, tools: { create_issue: { effect: "write" } } };
let store: Store;
let stop: () => Promise<void>;
const ids = { held: `${producer}-1`, used: `${producer}-2`, excepted: `${producer}-3`, kept: `${producer}-4`, bare: `${producer}-5`, storm: `${producer}-6` };

/** A task with a held call that two people approved, an exception, and a result that was kept back, written by the deciders themselves. */
beforeAll(async () => {
  ({ store, stop } = await startStore());
  const desk = new Desk();
  openTask(desk, { taskId: "t-1", workItem: "INC-42 refund", servers: ["github"], budget: { calls: 40, writes: 3 } }, "otto");
  const approvalId = request(desk, { taskId: "t-1", effect: "destructive" });
  desk.nowMs += minute;
  desk.submit({ kind: "approval.decide", approvalId, verdict: "approve", comment: "read the diff" }, ben);
  desk.nowMs += minute;
  desk.submit({ kind: "approval.decide", approvalId, verdict: "approve", comment: hostile }, cleo);
  desk.nowMs += minute;
  desk.submit({ kind: "approval.use", approvalId, taskId: "t-1", requestDigest: "d1", policyVersion: "v1" }, caller);
  desk.submit({ kind: "exception.grant", scope: { agent: "triage-bot", server: "github" }, reason: "payments are down, INC-42", breakGlass: true, expiresInMs: hour }, op);
  const item = { agent: "triage-bot", principal: "ana", taskId: "t-1", server: "github", tool: "search_issues", requestDigest: "d2", findings: ["instructions:0.97"], bytes: 9, resultDigest: "r-kept" };
  desk.submit({ kind: "quarantine.hold", item }, caller);
  desk.submit({ kind: "quarantine.settle", quarantineId: "q-3", verdict: "redact", comment: "one sentence" }, ben);
  desk.nowMs += minute;
  desk.record({ kind: "task.closed", taskId: "t-1", reason: "done" }, "otto");
  await store.insert("control_events", desk.entries.map((e) => toRow("j", e)));
  await store.insert("control_events", desk.entries.slice(0, 3).map((e) => toRow("j", e)));

  const own = { task_id: "t-1", tool: "create_issue", effect: "write", policy_ids: ["hold.writes"] };
  await store.insert("calls", [
    callRow(1, t0, { ...own, decision: "hold", outcome: "held", reason: "approval_required", approval_id: approvalId, upstream_us: null }),
    callRow(2, t0 + 3 * minute, { ...own, approval_id: approvalId, arg_paths: ["/title", "/body"], arg_flow_from: [0, 1], arg_flow_scores: [0, 0.93] }),
    callRow(3, t0 + 4 * minute, { ...own, basis: "exception", reason: "exception", exception_id: "ex-2" }),
    callRow(4, t0 + 4 * minute, { task_id: "t-1", handling: "quarantine", handling_findings: ["instructions:0.97"], result_digest: "r-kept", outcome: "quarantined" }),
    callRow(6, t0 + 5 * minute, { ...own, decision: "deny", outcome: "denied", upstream_us: null, attempts: 180 }),
    callRow(5, t0, { task_id: "t-404", approval_id: "ap-404", exception_id: "ex-404", registry_revision: "r-old", policy_version: "v-old" }),
  ]);
  await store.insert("policy_versions", [{ version: "v1", published_at: iso(t0), rules: JSON.stringify([{ id: "hold.writes", effect: "hold", description: "Writes are looked at.", match: { effects: ["write"] } }]) }]);
  const row = { published_at: iso(t0), server: "github", version: "1.4.0", owner: "team-dev", contact: "#dev", risk_tier: "medium", data_domains: [], lifecycle: "approved", environments: ["production"], task_classes: ["triage"], transport: "streamable-http" };
  await store.insert("registry_servers", [{ ...row, revision: "r1", entry: JSON.stringify(entry) }, { ...row, revision: "r2", owner: "somebody-else", entry: JSON.stringify({ ...entry, owner: "somebody-else" }) }]);
});
afterAll(() => stop());

describe("signalbox explain", () => {
  it("says who opened the task, for what, in which scope and until when", async () => {
    const { inputs, words } = await explainCall(store, ids.used);
    expect(inputs.task).toMatchObject({ taskId: "t-1", class: "triage", owner: "team-dev", openedBy: "otto", workItem: "INC-42 refund", servers: ["github"], tools: null, budget: { calls: 40, writes: 3 }, openedMs: t0, expiresMs: t0 + 8 * hour, closedBy: "otto" });
    expect(JSON.stringify(inputs)).not.toContain("a".repeat(64));
    expect(words.join("\n")).toContain('Task t-1 of class triage for "INC-42 refund" was opened by otto at 2026-03-02T09:00:00.000Z, is answered for by team-dev and was open until 2026-03-02T17:00:00.000Z; otto closed it at 2026-03-02T09:04:00.000Z.');
    expect(words.join("\n")).toContain("Its scope was the servers github and any tool, within 40 calls and 3 writes.");
  });

  it("says who approved, when, with what comment, and that it was used", async () => {
    const { inputs, words } = await explainCall(store, ids.held);
    expect(inputs.approval).toMatchObject({ needed: 2, requestedMs: t0, usedMs: t0 + 3 * minute, decisions: [{ by: "ben", atMs: t0 + minute, verdict: "approve", comment: "read the diff" }, { by: "cleo", verdict: "approve" }] });
    expect(words.join("\n")).toMatch(/was held for a person explicitly: a person has to approve it first/);
    expect(words.join("\n")).toContain('ben approved it at 2026-03-02T09:01:00.000Z: "read the diff".\ncleo approved it');
    expect(words.join("\n")).toContain("It was used at 2026-03-02T09:03:00.000Z.");
  });

  it("says how many attempts a record is of where it is of many, also among the task's calls", async () => {
    const { words, task, call } = await explainCall(store, ids.storm);
    expect(words[2]).toBe("This is the record of 180 attempts within about a second that were denied alike; what else it says is the first one's.");
    expect([Number(call.attempts), task.map((t) => t.attempts)]).toEqual([180, [1, 1, 1, 1, 180]]);
    expect((await explainCall(store, ids.used)).words.join(" ")).not.toContain("attempts");
  });

  it("names the record that an argument came out of", async () => {
    const { inputs, words } = await explainCall(store, ids.used);
    expect(inputs.flow).toEqual([{ path: "/body", fromCallId: ids.held, score: expect.closeTo(0.93) }]);
    expect(words.join("\n")).toContain(`The argument /body came out of the result of ${ids.held}, where the text around it was instruction-shaped by 0.93 of 1.`);
  });

  it("says who granted the exception, why and until when", async () => {
    const { inputs, words } = await explainCall(store, ids.excepted);
    expect(inputs.exception).toMatchObject({ exceptionId: "ex-2", approvedBy: "olga", breakGlass: true, reason: "payments are down, INC-42", scope: { agent: "triage-bot", server: "github" }, revokedMs: null });
    expect(words.join("\n")).toContain('Exception ex-2 was used: olga broke the glass at 2026-03-02T09:03:00.000Z for agent triage-bot, server github until 2026-03-02T10:03:00.000Z, because "payments are down, INC-42".');
  });

  it("says what became of a result that was kept back", async () => {
    const { inputs, words } = await explainCall(store, ids.kept);
    expect(inputs.quarantine).toMatchObject({ quarantineId: "q-3", verdict: "redact", settledBy: "ben" });
    expect(words.join("\n")).toContain("The result was kept back for a person to read: instructions:0.97.");
    expect(words.join("\n")).toContain('ben released redacted it at 2026-03-02T09:03:00.000Z: "one sentence".');
  });

  it("shows the rule and the server's whole entry as they were then, not as they are", async () => {
    const e = await explainCall(store, ids.used);
    expect(e.registry).toMatchObject({ revision: "r1", known: true, text: expect.stringContaining("owner: team-dev") });
    const lines = explanationLines(e);
    expect(lines).toContain("Rule hold.writes, policy version v1:");
    expect(lines).toContain("The registry's entry of github, revision r1:");
    expect(lines).toContain("  owner: team-dev");
    expect(lines.join("\n")).toContain("It was approved in production, for tasks of class triage.");
    expect(lines.join("\n")).not.toContain("somebody-else");
  });

  it("says what is not kept, and invents nothing", async () => {
    const e = await explainCall(store, ids.bare);
    expect(e.inputs).toMatchObject({ task: null, approval: null, exception: null, quarantine: null, flow: [] });
    const words = e.words.join("\n");
    for (const said of ["Who opened task t-404, and for what, is not kept.", "Approval ap-404 is named; what became of it is not kept.", "who granted it is not kept.", "What else the registry said of it then is not kept.", "Rule allow.triage_reads is not kept with this version."]) expect(words).toContain(said);
  });

  it("writes nothing to a terminal that the terminal would obey", async () => {
    for (const line of explanationLines(await explainCall(store, ids.used))) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });
});

describe("what people decided, in the store", () => {
  it("counts each use of an exception once", async () => {
    expect(await store.query("SELECT exception_id, toUInt32(uses) AS uses, agents FROM exception_uses")).toEqual([{ exception_id: "ex-2", uses: 1, agents: ["triage-bot"] }]);
  });

  it("times each decision of each person", async () => {
    const rows = await store.query("SELECT decided_by, verdict, toUInt32(wait_ms) AS wait_ms, effect FROM approval_decisions ORDER BY decided_at");
    expect(rows).toEqual([{ decided_by: "ben", verdict: "approve", wait_ms: minute, effect: "destructive" }, { decided_by: "cleo", verdict: "approve", wait_ms: 2 * minute, effect: "destructive" }]);
  });
});

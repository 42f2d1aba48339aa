import { afterEach, expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createDeciders } from "../../../proxy/state/deciders.ts";
import { createControlHub, type ControlHub } from "../../../proxy/state/hub.ts";
import type { ToPrimary, ToWorker } from "../../../proxy/state/peer.ts";
import { createControlReplica } from "../../../proxy/state/replica.ts";
import { waitFor } from "../../support/wait.ts";
import { channel, operator, scratch } from "./scratch.ts";

let hub: ControlHub | undefined;
afterEach(() => hub?.stop());

async function startHub(dir = scratch(), reachMs = 200): Promise<ControlHub> {
  return (hub = await createControlHub({ dir, deciders: createDeciders({}), clock: manualClock(1000), logger: silentLogger, reachMs }));
}

function attach(answerMs?: number) {
  const { one, other, close } = channel<ToPrimary, ToWorker>();
  hub!.attach(other);
  const replica = createControlReplica({ primary: one, ...(answerMs ? { answerMs } : {}) });
  return { replica, close };
}

const set = (agent: string) => ({ kind: "stop.set", scope: { agent }, reason: "test" });
const stopped = (state: { stops: ReadonlyMap<string, { scope: { agent?: string | undefined } }> }) => [...state.stops.values()].map((s) => s.scope.agent);

it("a command of one worker is in force on all of them when its answer arrives", async () => {
  await startHub();
  const workers = [attach(), attach(), attach()];
  await Promise.all(workers.map((w) => w.replica.ready));
  const decided = await workers[0]!.replica.submit(set("a"), operator);
  expect(decided).toMatchObject({ ok: true, workers: { applied: 3, total: 3 } });
  expect(workers.map((w) => stopped(w.replica.state))).toEqual([["a"], ["a"], ["a"]]);
});

it("a worker that comes later has everything when it is ready, tools and all", async () => {
  await startHub();
  await hub!.submit(set("a"), operator);
  const now = hub!.state;
  const taskState = { task: { taskId: "tk-1", tokenHash: "f".repeat(64) }, openedMs: 1, openedBy: "x", closedMs: null };
  now.tasks.set("tk-1", taskState as never);
  now.taskByToken.set("f".repeat(64), taskState as never);
  now.approvals.set("ap-1", { approval: { approvalId: "ap-1" } } as never);
  now.exceptions.set("ex-1", { exception: { exceptionId: "ex-1" } } as never);
  now.quarantine.set("qu-1", { item: { quarantineId: "qu-1" } } as never);
  for (let i = 0; i < 250; i++) now.tools.set("files", (now.tools.get("files") ?? new Map()).set(`t${i}`, { server: "files", tool: `t${i}` } as never));
  const { replica } = attach();
  await replica.ready;
  // Whatever the state has, now or later: a member that the snapshot leaves out shows here.
  expect({ ...replica.state }).toEqual({ ...now });
  expect(replica.state.tools.get("files")!.size).toBe(250);
});

it("the state survives the primary", async () => {
  const dir = scratch();
  await startHub(dir);
  await hub!.submit(set("a"), operator);
  await hub!.stop();
  await startHub(dir);
  expect(stopped(hub!.state)).toEqual(["a"]);
});

it("an answer does not wait for ever for a worker that hangs, and says that one lags behind", async () => {
  await startHub(scratch(), 20);
  const { replica } = attach();
  await replica.ready;
  const hung = channel<ToPrimary, ToWorker>();
  hub!.attach(hung.other);
  hung.one.send({ control: "hello" });
  await waitFor("the second worker to count", async () => {
    const decided = await replica.submit(set("a"), operator);
    return decided.ok && decided.workers?.total === 2 && decided.workers.applied === 1;
  });
});

it("a worker that has gone is waited for no more", async () => {
  await startHub(scratch(), 60_000);
  const { replica } = attach();
  await replica.ready;
  const hung = channel<ToPrimary, ToWorker>();
  hub!.attach(hung.other);
  const synced = new Promise<void>((resolve) => hung.one.onMessage((m) => m.control === "synced" && resolve()));
  hung.one.send({ control: "hello" });
  await synced;
  const waiting = replica.submit(set("a"), operator);
  await waitFor("the entry to be applied", () => stopped(replica.state).length === 1);
  hung.close();
  expect(await waiting).toMatchObject({ ok: true, workers: { applied: 1, total: 1 } });
});

it("a worker whose primary has gone gets 503 for what it asked and for what it asks", async () => {
  await startHub();
  const { replica, close } = attach();
  await replica.ready;
  const waiting = replica.submit(set("a"), operator);
  close();
  expect([await waiting, await replica.submit(set("b"), operator)]).toMatchObject([{ status: 503, code: "E_CONTROL_AWAY" }, { status: 503, code: "E_CONTROL_AWAY" }]);
});

it("a worker whose primary does not answer gets 503 in time", async () => {
  const { one } = channel<ToPrimary, ToWorker>();
  const replica = createControlReplica({ primary: one, answerMs: 20 });
  expect(await replica.submit(set("a"), operator)).toMatchObject({ status: 503, code: "E_CONTROL_TIMEOUT" });
});

it("gossip reaches every other worker, and never the one that said it", async () => {
  await startHub();
  const [a, b, c] = [attach(), attach(), attach()].map((w) => w.replica);
  await Promise.all([a!.ready, b!.ready, c!.ready]);
  const heard: string[] = [];
  for (const [name, replica] of Object.entries({ a: a!, b: b!, c: c! })) replica.onGossip("counts", (message) => heard.push(`${name} ${JSON.stringify(message)}`));
  const unsubscribe = b!.onGossip("counts", () => heard.push("b again"));
  unsubscribe();
  unsubscribe();
  a!.gossip("counts", { n: 1 });
  a!.gossip("other", { n: 2 });
  await waitFor("both to hear it", () => heard.length >= 2, { everyMs: 5 });
  expect(heard.sort()).toEqual(['b {"n":1}', 'c {"n":1}']);
});

it("listeners hear each entry once, in order, on the worker too", async () => {
  await startHub();
  const { replica } = attach();
  await replica.ready;
  const seqs: number[] = [];
  const unsubscribe = replica.onEntry((entry) => seqs.push(entry.seq));
  await Promise.all([replica.submit(set("a"), operator), hub!.submit(set("b"), operator)]);
  unsubscribe();
  await replica.submit(set("c"), operator);
  expect(seqs).toEqual([1, 2]);
});

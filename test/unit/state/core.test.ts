import { expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { Decider } from "../../../proxy/state/command.ts";
import type { ControlEntry } from "../../../proxy/state/control-event.ts";
import { ControlState } from "../../../proxy/state/control-state.ts";
import { ControlCore, type CoreJournal } from "../../../proxy/state/core.ts";
import { createDeciders } from "../../../proxy/state/deciders.ts";
import { operator } from "./scratch.ts";

/** A journal in memory, whose writes a test lets succeed or fail. */
function memoryJournal() {
  const written: ControlEntry[][] = [];
  const journal = {
    written,
    failing: false,
    recoverable: true,
    append(entries: readonly ControlEntry[]): Promise<void> {
      if (journal.failing) return Promise.reject(new Error("disk full"));
      written.push([...entries]);
      return Promise.resolve();
    },
    recover(replay: (entry: ControlEntry) => void): Promise<void> {
      if (!journal.recoverable) return Promise.reject(new Error("disk gone"));
      written.flat().forEach(replay);
      return Promise.resolve();
    },
  } satisfies CoreJournal & Record<string, unknown>;
  return journal;
}

function start(journal: CoreJournal | null = null, deciders: Record<string, Decider> = {}) {
  const told: number[] = [];
  const core = new ControlCore({
    deciders: { ...createDeciders({}), ...deciders },
    clock: manualClock(5000),
    logger: silentLogger,
    journal,
    state: new ControlState(),
    onEntries: (entries) => told.push(...entries.map((e) => e.seq)),
  });
  return { core, told, stop: (agent = "a") => core.submit({ kind: "stop.set", scope: { agent }, reason: "why" }, operator) };
}

it("commands that come together are decided in order and share one write", async () => {
  const journal = memoryJournal();
  const { stop, told, core } = start(journal);
  const outcomes = await Promise.all([stop("a"), stop("b"), stop("c")]);
  expect(outcomes.map((o) => o.ok && o.seq)).toEqual([1, 2, 3]);
  expect(journal.written.map((batch) => batch.length)).toEqual([3]);
  expect(told).toEqual([1, 2, 3]);
  expect([...core.state.stops.values()].map((s) => s.scope.agent)).toEqual(["a", "b", "c"]);
});

it("a command sees what the one before it changed, though that is not yet written", async () => {
  const limited: Decider = (state, _command, { newId }) =>
    state.stops.size > 0
      ? { ok: false, status: 409, code: "E_CONFLICT", message: "one is enough" }
      : { ok: true, events: [{ kind: "stop.set", stopId: newId("st"), scope: { agent: "a" }, reason: "x" }], result: {} };
  const { core } = start(memoryJournal(), { "stop.once": limited });
  const outcomes = await Promise.all([1, 2].map(() => core.submit({ kind: "stop.once" }, operator)));
  expect(outcomes.map((o) => o.ok)).toEqual([true, false]);
});

it("what cannot be written is refused and leaves no trace, and the next command works", async () => {
  const journal = memoryJournal();
  const { stop, told, core } = start(journal);
  await stop("a");
  journal.failing = true;
  expect(await Promise.all([stop("b"), stop("c")])).toMatchObject([{ ok: false, status: 503, code: "E_CONTROL_JOURNAL" }, { ok: false }]);
  expect([...core.state.stops.values()].map((s) => s.scope.agent)).toEqual(["a"]);
  expect(told).toEqual([1]);
  journal.failing = false;
  expect(await stop("d")).toMatchObject({ ok: true, seq: 2 });
});

it("while the journal cannot be opened again every command is refused, and afterwards none", async () => {
  const journal = memoryJournal();
  const { stop, core } = start(journal);
  await stop("a");
  Object.assign(journal, { failing: true, recoverable: false });
  await stop("b");
  journal.failing = false;
  expect(await stop("c")).toMatchObject({ ok: false, status: 503 });
  journal.recoverable = true;
  expect(await stop("d")).toMatchObject({ ok: true, seq: 2 });
  expect([...core.state.stops.values()].map((s) => s.scope.agent)).toEqual(["a", "d"]);
});

it("a decider that throws, or makes an event that is none, fails its own command alone", async () => {
  const broken: Record<string, Decider> = {
    throws: () => {
      throw new Error("bug");
    },
    invalid: () => ({ ok: true, events: [{ kind: "stop.set", stopId: "", scope: {}, reason: "" }], result: {} }),
  };
  const { core, stop } = start(null, broken);
  const outcomes = await Promise.all([core.submit({ kind: "throws" }, operator), core.submit({ kind: "invalid" }, operator), stop()]);
  expect(outcomes).toMatchObject([{ ok: false, status: 503 }, { ok: false, status: 503 }, { ok: true, seq: 1 }]);
});

it.each(["nothing.known", "constructor", "__proto__"])("there is no command %s", async (kind) => {
  expect(await start().core.submit({ kind }, operator)).toMatchObject({ ok: false, status: 400, code: "E_COMMAND" });
});

it("a core that stops waits for what is being written, and takes nothing more", async () => {
  const journal = memoryJournal();
  const release = Promise.withResolvers<void>();
  const { core, stop } = start({ ...journal, append: (entries) => release.promise.then(() => journal.append(entries)) });
  const first = stop("a");
  await Promise.resolve();
  const second = stop("b");
  const stopping = core.stop();
  release.resolve();
  await stopping;
  expect(await first).toMatchObject({ ok: true });
  expect([await second, await stop("c")]).toMatchObject([{ code: "E_CONTROL_STOPPING" }, { code: "E_CONTROL_STOPPING" }]);
  expect(journal.written.flat()).toHaveLength(1);
});

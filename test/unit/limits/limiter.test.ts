import { describe, expect, it } from "vitest";
import { limitSchema, type LimitFacts, type LimitSet } from "../../../proxy/limits/limit.ts";
import { Limiter, type Entered } from "../../../proxy/limits/limiter.ts";
import { limitSetOf, noLimits } from "../../../proxy/limits/load-limits.ts";

const call: LimitFacts = { agent: "build", taskId: "tk-1", taskClass: "triage", server: "files", tool: "read", effect: "read" };
const limitsOf = (...limits: object[]): LimitSet => limitSetOf(limits.map((limit) => limitSchema.parse({ per: "agent", ...limit })));
const limiterOf = (...limits: object[]): Limiter => {
  const set = limitsOf(...limits);
  return new Limiter({ limits: () => set, origin: "w0" });
};
const told = (entered: Entered): string => (entered.ok ? "ok" : `${entered.reason} ${entered.limitId} ${entered.retryAfterMs}`.replace("  ", " "));
const times = (n: number, run: () => Entered): string[] => Array.from({ length: n }, () => told(run()));

describe("a rate of 3 calls in 6 s", () => {
  const rate = { id: "r", rate: { calls: 3, seconds: 6 } };

  it("lets three through at once, says when the next one may come, and then lets one through", () => {
    const limiter = limiterOf(rate);
    expect(times(4, () => limiter.enter(call, 1000))).toEqual(["ok", "ok", "ok", "rate_limited r 2000"]);
    expect(told(limiter.enter(call, 2500))).toBe("rate_limited r 500");
    expect(times(2, () => limiter.enter(call, 3000))).toEqual(["ok", "rate_limited r 2000"]);
  });

  it("never lets more than three through at once, however long it was quiet", () => {
    const limiter = limiterOf(rate);
    limiter.enter(call, 0);
    expect(times(4, () => limiter.enter(call, 1e9))).toEqual(["ok", "ok", "ok", "rate_limited r 2000"]);
  });

  it("gives nothing back for a clock that goes back", () => {
    const limiter = limiterOf(rate);
    times(3, () => limiter.enter(call, 10_000));
    expect(limiter.enter(call, 1000)).toMatchObject({ ok: false });
    expect(told(limiter.enter(call, 3000))).toBe("ok");
  });

  it("takes nothing for a call that another limit refuses", () => {
    const limiter = limiterOf(rate, { id: "one", concurrency: 1 });
    const first = limiter.enter(call, 0);
    expect(times(5, () => limiter.enter(call, 0))).toEqual(Array(5).fill("concurrency one 0"));
    if (first.ok) first.leave();
    expect(told(limiter.enter(call, 0))).toBe("ok");
  });

  const apart: [string, string, Partial<LimitFacts>, boolean][] = [
    ["agent", "another agent", { agent: "other" }, true],
    ["agent", "another server", { server: "mail" }, false],
    ["task", "another task", { taskId: "tk-2" }, true],
    ["task", "another tool", { tool: "write" }, false],
    ["tool", "another tool", { tool: "write" }, true],
    ["tool", "the same tool of another server", { server: "mail" }, true],
    ["tool", "another agent", { agent: "other" }, false],
    ["server", "another server", { server: "mail" }, true],
    ["server", "another tool", { tool: "write" }, false],
  ];
  it.each(apart)("per %s, %s counts apart: %3$s", (per, _what, over, isApart) => {
    const limiter = limiterOf({ ...rate, per });
    times(3, () => limiter.enter(call, 0));
    expect(limiter.enter({ ...call, ...over }, 0).ok).toBe(isApart);
  });

  it("per task, calls outside of tasks count by their agent", () => {
    const limiter = limiterOf({ ...rate, per: "task" });
    times(3, () => limiter.enter({ ...call, taskId: "" }, 0));
    expect([limiter.enter({ ...call, taskId: "" }, 0).ok, limiter.enter({ ...call, taskId: "", agent: "other" }, 0).ok]).toEqual([false, true]);
  });
});

it("a concurrency has room again when a call leaves, and once for one that leaves twice", () => {
  const limiter = limiterOf({ id: "c", concurrency: 2, message: "One after the other." });
  const [one] = [limiter.enter(call, 0), limiter.enter(call, 0)];
  expect(limiter.enter(call, 0)).toEqual({ ok: false, limitId: "c", reason: "concurrency", retryAfterMs: 0, message: "One after the other." });
  if (one!.ok) {
    one!.leave();
    one!.leave();
  }
  expect(times(2, () => limiter.enter(call, 0))).toEqual(["ok", "concurrency c 0"]);
});

describe("a task's budget", () => {
  const budgeted = { ...call, budget: { calls: 3, writes: 1 } };
  it("of calls is spent by every call of a tool, and of writes by writes and what destroys", () => {
    const limiter = limiterOf();
    const entering = (over: Partial<LimitFacts>) => told(limiter.enter({ ...budgeted, ...over }, 0));
    expect([entering({ effect: "destructive" }), entering({ effect: "write" }), entering({}), entering({}), entering({})]).toEqual(["ok", "budget 0", "ok", "ok", "budget 0"]);
    expect(limiter.done("tk-1")).toEqual({ calls: 3, writes: 1 });
  });

  it("is neither spent nor asked for by what calls no tool", () => {
    const limiter = limiterOf();
    expect(times(9, () => limiter.enter({ ...budgeted, tool: "", effect: "" }, 0))).toEqual(Array(9).fill("ok"));
    expect(limiter.done("tk-1")).toEqual({ calls: 0, writes: 0 });
  });

  it("of no writes allows none", () => {
    expect(told(limiterOf().enter({ ...call, effect: "write", budget: { writes: 0 } }, 0))).toBe("budget 0");
  });

  it("comes back for nobody, but a task without a budget has none to spend", () => {
    const limiter = limiterOf();
    times(50, () => limiter.enter(call, 0));
    expect(limiter.done("tk-1").calls).toBe(50);
    limiter.forgetTask("tk-1");
    expect(limiter.done("tk-1").calls).toBe(0);
  });
});

describe("between workers", () => {
  function pair(...limits: object[]) {
    const set = limitsOf(...limits);
    const [a, b] = ["a", "b"].map((origin) => new Limiter({ limits: () => set, origin })) as [Limiter, Limiter];
    const tell = (from: Limiter, to: Limiter, nowMs: number) => {
      const news = from.takeNews();
      if (news) to.hear(JSON.parse(JSON.stringify(news)), nowMs);
    };
    return { a, b, tell };
  }

  it("what one took, the other no longer has", () => {
    const { a, b, tell } = pair({ id: "r", rate: { calls: 4, seconds: 4 } });
    times(3, () => a.enter(call, 0));
    tell(a, b, 0);
    expect(times(2, () => b.enter(call, 0))).toEqual(["ok", "rate_limited r 1000"]);
  });

  it("what both took at once is taken off later, and never more than one whole rate", () => {
    const { a, b, tell } = pair({ id: "r", rate: { calls: 4, seconds: 4 } });
    for (const limiter of [a, b]) times(4, () => limiter.enter(call, 0));
    tell(a, b, 0);
    expect(told(b.enter(call, 0))).toBe("rate_limited r 5000");
    for (let i = 0; i < 9; i++) b.hear({ origin: "c", buckets: [["r a build", 4, 0]], tasks: [] }, 0);
    expect(told(b.enter(call, 0))).toBe("rate_limited r 5000");
  });

  it("what one has under way counts for the other, until it is over or the one has gone", () => {
    const { a, b, tell } = pair({ id: "c", concurrency: 1 });
    const running = a.enter(call, 0);
    tell(a, b, 0);
    expect(told(b.enter(call, 0))).toBe("concurrency c 0");
    // It is said again and again, as long as it lasts.
    tell(a, b, 1900);
    expect(told(b.enter(call, 3000))).toBe("concurrency c 0");
    if (running.ok) running.leave();
    tell(a, b, 3100);
    const other = b.enter(call, 3100);
    expect(told(other)).toBe("ok");
    tell(b, a, 3100);
    expect(told(a.enter(call, 3100))).toBe("concurrency c 0");
    expect(told(a.enter(call, 3100 + 2001))).toBe("ok");
  });

  it("a small limit is told at once, a large one in its time", () => {
    const { a } = pair({ id: "small", match: { servers: ["files"] }, rate: { calls: 5, seconds: 1 } }, { id: "large", match: { servers: ["mail"] }, rate: { calls: 1000, seconds: 1 } });
    a.enter({ ...call, server: "mail" }, 0);
    expect(a.urgent).toBe(false);
    a.enter(call, 0);
    expect(a.urgent).toBe(true);
    a.takeNews();
    expect(a.urgent).toBe(false);
  });

  it("a budget is spent together, in whatever order and however often the news come", () => {
    const { a, b } = pair();
    const budgeted = { ...call, budget: { calls: 4 } };
    a.enter(budgeted, 0);
    const first = a.takeNews()!;
    a.enter(budgeted, 0);
    const second = a.takeNews()!;
    b.enter(budgeted, 0);
    for (const news of [second, first]) b.hear(news, 0);
    expect(b.done("tk-1").calls).toBe(3);
    expect(times(2, () => b.enter(budgeted, 0))).toEqual(["ok", "budget 0"]);
  });

  it("a worker that starts is told what tasks did before, also by workers that have gone", () => {
    const { a, b, tell } = pair();
    times(2, () => a.enter(call, 0));
    tell(a, b, 0);
    const late = new Limiter({ limits: () => noLimits, origin: "c" });
    for (const news of b.allNews()) late.hear(news, 0);
    expect(late.done("tk-1").calls).toBe(2);
  });

  it("its own news are nothing new to a worker", () => {
    const limiter = limiterOf({ id: "r", rate: { calls: 4, seconds: 4 } });
    limiter.enter(call, 0);
    limiter.hear(limiter.takeNews()!, 0);
    expect(times(4, () => limiter.enter(call, 0))).toEqual(["ok", "ok", "ok", "rate_limited r 1000"]);
  });

  it("nothing is told when nothing has happened", () => {
    const limiter = limiterOf({ id: "r", rate: { calls: 4, seconds: 4 } });
    expect(limiter.takeNews()).toBe(null);
    limiter.enter({ ...call, taskId: "" }, 0);
    limiter.takeNews();
    expect(limiter.takeNews()).toBe(null);
  });
});

it("limits that change are in force with the next call, and counts go on where a limit stays", () => {
  let set = limitsOf({ id: "r", rate: { calls: 2, seconds: 60 } });
  const limiter = new Limiter({ limits: () => set, origin: "w0" });
  times(2, () => limiter.enter(call, 0));
  set = limitsOf({ id: "r", rate: { calls: 2, seconds: 60 }, message: "Slower." });
  expect(limiter.enter(call, 0)).toMatchObject({ ok: false, message: "Slower." });
  set = noLimits;
  expect(limiter.enter(call, 0).ok).toBe(true);
  expect(limiter.size).toBe(0);
});

it("the keys that callers make up are bounded, and what is in use stays", () => {
  const limiter = limiterOf({ id: "agent", rate: { calls: 60_000, seconds: 1e4 } }, { id: "tool", per: "tool", rate: { calls: 1, seconds: 1e4 } });
  for (let i = 0; i < 50_000; i++) limiter.enter({ ...call, taskId: "", tool: `t${i}` }, 0);
  expect(limiter.size).toBeLessThanOrEqual(20_000);
  expect(told(limiter.enter({ ...call, tool: "t49999" }, 0))).toMatch(/^rate_limited tool/);
  for (let i = 0; i < 10_000; i++) limiter.enter({ ...call, taskId: "", tool: `u${i}` }, 0);
  expect(told(limiter.enter({ ...call, tool: "v" }, 0))).toMatch(/^rate_limited agent/);
});

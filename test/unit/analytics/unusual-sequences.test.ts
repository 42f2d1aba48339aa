import { expect, test } from "vitest";
import { analyticsConfigSchema } from "../../../analytics/config.ts";
import { BehaviourModel, behaviourOf, findUnusual, groupAlike, scoreSequence, ScoreTail, type Sequence } from "../../../analytics/jobs/unusual-sequences/score.ts";
import type { TransitionRow } from "../../../analytics/sequences/model.ts";
import { contextWords, transitionWords } from "../../../analytics/sequences/words.ts";
import { contextsAt, SequenceModel, type SequenceCall } from "../../../analytics/score/sequence-model.ts";
import { poissonQuantile } from "../../../analytics/score/stats.ts";
import { actsAfterUntrusted, type Step } from "../../../analytics/score/taint.ts";
import { randomFrom } from "../../support/random.ts";

const limits = analyticsConfigSchema.parse({}).unusualSequences;

const step = (token: string): Step => ({ token, acts: !token.endsWith("/read"), untrusted: token === "mail/read/read" });
const sequence = (className: string, ...tokens: string[]): Sequence => ({ className, steps: tokens.map(step) });

const inbox = (random: () => number): Sequence =>
  sequence("inbox", "mail/search/read", "mail/read/read", ...(random() < 0.4 ? ["mail/read/read"] : []));
const release = (): Sequence => sequence("release", "files/list/read", "files/read/read", "mail/send/write");

function history(): { model: BehaviourModel; past: Sequence[] } {
  const random = randomFrom(11);
  const past = Array.from({ length: 150 }, (_, i) => (i % 2 ? inbox(random) : release()));
  const model = new BehaviourModel();
  for (const one of past) model.add(one);
  return { model, past };
}

const triage = (acts: number): Sequence => sequence("triage", "mail/read/read", ...Array<string>(acts).fill("mail/send/write"));

const calls = (...tokens: string[]): SequenceCall[] => tokens.map((one) => ({ token: one.split("!")[0]!, outcome: one.split("!")[1] ?? "ok" }));

test("contexts are the calls before, up to three, and the start counts as one", () => {
  const four = calls("a", "b", "c", "d");
  expect(contextsAt(four, 0)).toEqual(["", "^"]);
  expect(contextsAt(four, 1)).toEqual(["", "a", "^\na"]);
  expect(contextsAt(four, 3)).toEqual(["", "c", "b\nc", "a\nb\nc"]);
});

test("a call that failed is another context, and falls back on the same call however it ended", () => {
  expect(contextsAt(calls("a", "b!timeout", "c"), 2)).toEqual(["", "b", "b!timeout", "a\nb!timeout", "^\na\nb!timeout"]);
  const model = new SequenceModel();
  for (let i = 0; i < 20; i++) model.add("x", calls("a", "b"));
  for (let i = 0; i < 20; i++) model.add("x", calls("a!timeout", "a", "b"));
  const bits = (...tokens: string[]): number => model.surprisals("x", calls(...tokens)).at(-1)!;
  expect(bits("a!timeout", "a")).toBeLessThan(bits("a", "a"));
  expect(bits("a!denied", "b")).toBeLessThan(1);
  expect(model.transitionAt("x", calls("a!timeout", "b"), 1)).toMatchObject({ context: "^\na!timeout", seen: 0, of: 20 });
});

test("the probabilities of every known call and of an unknown one sum to one", () => {
  const model = new SequenceModel();
  model.add("x", calls("a", "b!denied", "a", "c"));
  model.add("y", calls("c", "c", "b"));
  for (const [className, before] of [["x", ["a"]], ["x", ["a", "b!denied"]], ["y", ["c", "c"]], ["z", []]] as const) {
    const total = ["a", "b", "c", "never"].reduce((sum, next) => sum + 2 ** -model.surprisals(className, calls(...before, next)).at(-1)!, 0);
    expect(total).toBeCloseTo(1, 10);
  }
});

test("more than was learnt can't be taken out", () => {
  const model = new SequenceModel();
  model.add("x", calls("a", "b"));
  model.add("x", calls("c"), -1);
  expect(model.transitionAt("x", calls("b"), 0)).toMatchObject({ context: "^", seen: 0, of: 1 });
});

test("taking a sequence out leaves the model as if it had not been added", () => {
  const { model } = history();
  const odd = sequence("inbox", "mail/search/read", "files/delete/destructive");
  const before = scoreSequence(model, odd);
  model.add(odd);
  expect(model.scoreWithout(odd)).toEqual(before);
  model.add(odd, -1);
  expect(scoreSequence(model, odd)).toEqual(before);
});

test("an act counts as after an untrusted read only where it comes after one", () => {
  expect(actsAfterUntrusted(sequence("c", "mail/send/write", "mail/read/read", "files/read/read", "mail/send/write").steps)).toEqual([3]);
  expect(actsAfterUntrusted(sequence("c", "files/read/read", "mail/send/write").steps)).toEqual([]);
});

test("the very call that the task made before is no act again, whatever it has read since; other arguments or none make another", () => {
  const send = (...digests: string[]): Step => ({ ...step("mail/send/write"), arguments: digests.map((digest) => ({ path: `/${digest[0]}`, digest, fromResult: false, flowScore: 0 })) });
  const read = step("mail/read/read");
  expect(actsAfterUntrusted([send("to ann", "note"), read, send("note", "to ann"), send("to bob", "note"), send("to ann"), send("to bob", "note")])).toEqual([3, 4]);
  expect(actsAfterUntrusted([read, send(), send()])).toEqual([1, 2]);
});

test("an act that can't be taken back counts a bit more than one that can", () => {
  const model = new BehaviourModel();
  for (let i = 0; i < 20; i++) model.add(sequence("desk", "mail/read/read", ...(i < 2 ? ["mail/file/write"] : i < 4 ? ["mail/send/destructive"] : [])));
  const [filed, sent] = ["mail/file/write", "mail/send/destructive"].map((act) => scoreSequence(model, sequence("desk", "mail/read/read", act)));
  expect(sent!.afterUntrusted).toEqual(filed!.afterUntrusted);
  expect(sent!.total).toBeCloseTo(filed!.total + 1, 12);
});

test("a task that acts after reading mail, which its class never does, is unusual, and the words say why", () => {
  const { model, past } = history();
  const hijacked = sequence("inbox", "mail/search/read", "mail/read/read", "mail/send/write");
  const tail = new ScoreTail(past.map((one) => model.scoreWithout(one).total));
  const random = randomFrom(12);
  const active = [hijacked, ...Array.from({ length: 20 }, () => inbox(random)), ...Array.from({ length: 20 }, release)];
  const found = findUnusual(model, active, tail, limits);
  expect(found.map((u) => u.sequence)).toEqual([hijacked]);
  expect(found[0]!.score.worst).toBe(2);
  expect(found[0]!.score.taintBits).toBeGreaterThan(5);
  const words = transitionWords("inbox", model.sequence.transitionAt("inbox", hijacked.steps, 2), model.sequence.timesSeen("inbox", "mail/send/write"));
  expect(words).toMatch(/^At the start, after mail\/search \(read\), mail\/read \(read\) tasks of class inbox go on with mail\/read \(read\) in (\d+) of \1 cases; here it called mail\/send \(write\), seen 0 times there, and never anywhere in the class\.$/);
  // The score of a task grows with its calls and ends at its total.
  expect(found[0]!.score.totals.at(-1)).toBe(found[0]!.score.total);
  expect(found[0]!.score.totals[1]!).toBeLessThan(found[0]!.score.total / 2);
});

test("contexts read as calls, with how they ended", () => {
  expect(contextWords("")).toBe("Whatever came before");
  expect(contextWords("^")).toBe("As their first call");
  expect(contextWords("mail/read/read!timeout\nmail/read/read")).toBe("After mail/read (read, timeout), mail/read (read)");
});

test("a model of stored counts is the model of the sequences that were counted", () => {
  const { model, past } = history();
  for (const one of [triage(0), triage(1), triage(1), triage(3)]) {
    model.add(one);
    past.push(one);
  }
  const rows = new Map<string, TransitionRow>();
  const add = (row: Omit<TransitionRow, "count">): void => {
    const key = JSON.stringify(row);
    rows.set(key, { ...row, count: (rows.get(key)?.count ?? 0) + 1 });
  };
  for (const { className, steps } of past) {
    steps.forEach(({ token }, at) => contextsAt(steps, at).forEach((context) => add({ class: className, kind: "transition", context, next: token })));
    for (const next of new Set(actsAfterUntrusted(steps).map((at) => steps[at]!.token))) add({ class: className, kind: "after_untrusted", context: "", next });
    actsAfterUntrusted(steps).forEach((_, i) => add({ class: className, kind: "acts", context: "", next: String(i + 1) }));
  }
  const stored = behaviourOf(rows.values());
  for (const one of [...past.slice(0, 4), sequence("inbox", "mail/read/read", "mail/send/write"), sequence("triage", "mail/read/read", "mail/send/write", "mail/send/write")]) expect(scoreSequence(stored, one)).toEqual(scoreSequence(model, one));
  expect(stored.taint.sequencesOf("inbox")).toBe(75);
});

test("a quantile of a Poisson", () => {
  expect([poissonQuantile(0.99, 0), poissonQuantile(0.99, 0.005), poissonQuantile(0.99, 1), poissonQuantile(0.99, 10)]).toEqual([0, 0, 4, 18]);
});

test("several tasks of a class that were led to the same call are one finding that counts them", () => {
  const { model, past } = history();
  const tail = new ScoreTail(past.map((one) => model.scoreWithout(one).total));
  const led = (...more: string[]): Sequence => sequence("inbox", "mail/search/read", "mail/read/read", ...more);
  const found = findUnusual(model, [led("mail/send/write"), led("mail/read/read", "mail/send/write"), led("files/delete/destructive")], tail, limits);
  expect(groupAlike(found).map((u) => [u.sequence.steps[u.score.worst]!.token, u.alike])).toEqual(
    expect.arrayContaining([["mail/send/write", 1], ["files/delete/destructive", 0]]),
  );
});

test("the same call is no news in the class that makes it", () => {
  const { model, past } = history();
  const tail = new ScoreTail(past.map((one) => model.scoreWithout(one).total));
  expect(findUnusual(model, [release(), release()], tail, limits)).toEqual([]);
});

test("a class that is new is not called unusual", () => {
  const { model, past } = history();
  const tail = new ScoreTail(past.map((one) => model.scoreWithout(one).total));
  expect(findUnusual(model, [sequence("payroll", "bank/list/read", "mail/read/read", "bank/pay/write")], tail, limits)).toEqual([]);
});

test("ordinary tasks of a hundred seeds raise next to nothing", () => {
  let found = 0;
  for (let seed = 0; seed < 100; seed++) {
    const random = randomFrom(1000 + seed);
    const model = new BehaviourModel();
    const past = Array.from({ length: 60 }, () => inbox(random));
    for (const one of past) model.add(one);
    const tail = new ScoreTail(past.map((one) => model.scoreWithout(one).total));
    found += findUnusual(model, Array.from({ length: 20 }, () => inbox(random)), tail, limits).length;
  }
  expect(found).toBe(0);
});

test("a tail gives a smaller chance the further out a score is, and none of zero", () => {
  const tail = new ScoreTail([1, 1, 1, 2, 2, 2, 3, 3, 4, 6]);
  const chances = [0, 2, 4, 8, 16, 40].map((score) => tail.p(score));
  expect(chances).toEqual(chances.toSorted((a, b) => b - a));
  expect(chances[0]).toBe(1);
  expect(chances.at(-1)).toBeGreaterThan(0);
});

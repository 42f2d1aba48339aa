import { expect, test } from "vitest";
import { analyticsConfigSchema } from "../../../analytics/config.ts";
import { BehaviourModel, classShares, describeTransition, findUnusual, groupAlike, scoreSequence, ScoreTail, type Sequence } from "../../../analytics/jobs/unusual-sequences/score.ts";
import { contextsAt, SequenceModel } from "../../../analytics/score/sequence-model.ts";
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

test("contexts are the calls before, up to three, and the start counts as one", () => {
  expect(contextsAt(["a", "b", "c", "d"], 0)).toEqual(["", "^"]);
  expect(contextsAt(["a", "b", "c", "d"], 1)).toEqual(["", "a", "^\na"]);
  expect(contextsAt(["a", "b", "c", "d"], 3)).toEqual(["", "c", "b\nc", "a\nb\nc"]);
});

test("the probabilities of every known call and of an unknown one sum to one", () => {
  const model = new SequenceModel();
  model.add("x", ["a", "b", "a", "c"]);
  model.add("y", ["c", "c", "b"]);
  for (const [className, before] of [["x", ["a"]], ["y", ["c", "c"]], ["z", []]] as const) {
    const total = ["a", "b", "c", "never"].reduce((sum, next) => sum + 2 ** -model.surprisals(className, [...before, next]).at(-1)!, 0);
    expect(total).toBeCloseTo(1, 10);
  }
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
  expect(describeTransition(model, hijacked, 2)).toMatch(/^After mail\/read \(read\) it called mail\/send \(write\), which this class has never called\. Usually there: mail\/read \(read\) \d+%/);
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

test("busy classes are sampled so that all make so many calls, and what a quiet one leaves goes to the others", () => {
  const classes = [{ class: "busy", calls: 900 }, { class: "quiet", calls: 10 }, { class: "middling", calls: 200 }];
  // 10 are the quiet one's; half of the other 290 is less than either of the others has.
  expect(classShares(classes, 300)).toEqual([{ class: "middling", share: 145 / 200 }, { class: "busy", share: 145 / 900 }]);
  // 10 and 200 leave 290 of 500.
  expect(classShares(classes, 500)).toEqual([{ class: "busy", share: 290 / 900 }]);
  expect(classShares(classes, 1110)).toEqual([]);
  expect(classShares([], 100)).toEqual([]);
});

import { expect, test } from "vitest";
import { BehaviourModel, scoreSequence, type Sequence } from "../../../analytics/jobs/unusual-sequences/score.ts";
import { ArgumentModel, type Argument } from "../../../analytics/score/argument-model.ts";
import { LevelModel } from "../../../analytics/score/level-model.ts";
import { RarityModel } from "../../../analytics/score/rarity.ts";
import { TaintModel, type Step } from "../../../analytics/score/taint.ts";

const log2 = Math.log2;

/** Of class `c0`, `c1`, ... one run each with these values at place `p`. */
function rarityOf(...classes: string[][]): RarityModel {
  const model = new RarityModel();
  classes.forEach((values, i) => values.forEach((value) => model.add(`c${i}`, "p", value)));
  return model;
}

test("for a new class a new value says what new ones among classes say: much where they share, nothing where each has its own", () => {
  // Of four values of classes none is one class's alone: (0 + 1) / (4 + 1).
  expect(rarityOf(["a"], ["a"], ["b"], ["b"]).bits("new", "p", "x", false)).toBeCloseTo(log2(5), 12);
  // All four are: 5 of 5.
  expect(rarityOf(["a"], ["b"], ["c"], ["d"]).bits("new", "p", "x", false)).toBeCloseTo(0, 12);
  expect(new RarityModel().bits("new", "p", "x", false)).toBe(0);
});

test("a value that one class of many had is nearly as rare as a new one, and a common value says nothing", () => {
  const model = rarityOf(["a"], ["a"], ["a"], ["b"]);
  // New: (1 + 1) / (4 + 1). At least as rare as b: that, and a quarter of the rest.
  expect(model.bits("new", "p", "x", false)).toBeCloseTo(-log2(0.4), 12);
  expect(model.bits("new", "p", "b", false)).toBeCloseTo(-log2(0.4 + 0.6 * 0.25), 12);
  expect(model.bits("new", "p", "a", false)).toBeCloseTo(0, 12);
});

test("a class that is known goes by its own runs, with two runs' worth of what runs of any class do", () => {
  const model = new RarityModel();
  model.add("c", "p", "a", 6);
  model.add("d", "p", "b", 3);
  model.add("d", "p", "e", 1);
  // All three values are one class's alone: 4 of 4. Within classes one of ten is one run's: (1 + 1) / (10 + 1).
  const newInRun = 2 / 11;
  expect(model.bits("c", "p", "x", true)).toBeCloseTo(-log2((0 + 2 * newInRun) / (6 + 2)), 12);
  expect(model.bits("d", "p", "x", true)).toBeCloseTo(-log2((1 + 2 * newInRun) / (4 + 2)), 12);
  const isNew = (1 + 2 * newInRun) / 6;
  expect(model.bits("d", "p", "e", true)).toBeCloseTo(-log2(isNew + (1 - isNew) / 4), 12);
});

test("taking runs out leaves no trace, and no more can be taken than there was", () => {
  const model = rarityOf(["a"], ["a", "b"]);
  const bits = (): number[] => ["a", "b", "x"].flatMap((value) => [model.bits("c1", "p", value, true), model.bits("new", "p", value, false)]);
  const before = bits();
  model.add("c1", "p", "b", 3);
  model.add("c9", "p", "z", 2);
  model.add("c1", "p", "b", -3);
  model.add("c9", "p", "z", -5);
  expect(bits()).toEqual(before);
});

test("reaching a level surprises by how few runs do, classes alike, a known class by its own", () => {
  const model = new LevelModel();
  model.add("c", "p", 0, 3);
  model.add("c", "p", 4, 1);
  model.add("d", "p", 0, 9);
  // Classes: (1/4 + 0 + prior) / (2 + 1); of c itself one of four, and one more of the common.
  const common = (0.25 + 0.1) / 3;
  expect(model.bits("new", "p", 4, { prior: 0.1, known: false })).toBeCloseTo(-log2(common), 12);
  expect(model.bits("c", "p", 4, { prior: 0.1, known: true })).toBeCloseTo(-log2((1 + common) / 5), 12);
  expect(model.bits("any", "elsewhere", 4, { prior: 0.1, known: false })).toBeCloseTo(-log2(0.1), 12);
  model.add("d", "p", 0, -9);
  expect(model.bits("new", "p", 4, { prior: 0.1, known: false })).toBeCloseTo(-log2(0.35 / 2), 12);
});

test("an act that a class never did counts by how often its runs do something of their own", () => {
  const model = new TaintModel();
  model.addCounts("steady", 8, [["send", 8]]);
  model.addCounts("wild", 8, [["a", 1], ["b", 1], ["c", 1], ["d", 1]]);
  // Four acts of sixteen runs were one run's alone: (4 + 1) / (16 + 1).
  const common = 5 / 17;
  expect(model.bits("steady", "delete")).toBeCloseTo(-2 * log2((2 * common) / 10), 12);
  expect(model.bits("wild", "delete")).toBeCloseTo(-2 * log2((4 + 2 * common) / 10), 12);
  expect(model.bits("steady", "send")).toBeCloseTo(0, 12);
});

const argument = (path: string, digest: string, over: Partial<Argument> = {}): Argument => ({ path, digest, fromResult: false, flowScore: 0, ...over });
const pay = (...args: Argument[]): Step => ({ token: "bank/pay/write", acts: true, untrusted: false, arguments: args });
const read: Step = { token: "bank/list/read", acts: false, untrusted: true };
const context = () => ({ known: true, followed: true, repeated: new Set<string>() });

test("values of acts are learnt, and a new one counts less where results were followed and none showed it", () => {
  const model = new ArgumentModel();
  for (let i = 0; i < 30; i++) model.add("c", [pay(argument("/to", "friend"), argument("/amount", `${i}`))]);
  const bits = (...args: Argument[]): number => model.novelty("c", pay(...args), context());
  expect(bits(argument("/to", "friend"))).toBeCloseTo(0, 9);
  expect(bits(argument("/amount", "999"))).toBeLessThan(0.1);
  // Five bits and more, of which a single value gives at most three.
  expect(bits(argument("/to", "stranger", { fromResult: true }))).toBe(3);
  expect(bits(argument("/to", "stranger"))).toBeLessThan(3);
  expect(bits(argument("/to", "stranger"))).toBeGreaterThan(1);
  const again = context();
  expect(model.novelty("c", pay(argument("/to", "stranger")), again)).toBeGreaterThan(1);
  expect(model.novelty("c", pay(argument("/to", "stranger")), again)).toBe(0);
});

test("an argument that is null is no value: neither new nor learnt", () => {
  const none = argument("/to", "0".repeat(32));
  const [model, other] = [new ArgumentModel(), new ArgumentModel()];
  for (let i = 0; i < 30; i++) model.add("c", [pay(argument("/to", "friend"))]);
  for (let i = 0; i < 30; i++) other.add("c", [pay(argument("/to", "friend")), pay(none)]);
  const bits = (one: ArgumentModel, ...args: Argument[]): number => one.novelty("c", pay(...args), context());
  expect(bits(model, none)).toBe(0);
  expect(bits(other, argument("/to", "stranger"))).toBe(bits(model, argument("/to", "stranger")));
});

test("an argument out of text that reads as an instruction counts by its score, and little where the class does that", () => {
  const model = new ArgumentModel();
  const from = (flowScore: number): Step => pay(argument("/to", "x", { flowScore, fromResult: true }));
  for (let i = 0; i < 20; i++) {
    model.add("transfers", [pay(argument("/to", "friend"))]);
    model.add("bills", [from(0.8)]);
  }
  const bits = (className: string, flowScore: number): number => model.flows(className, from(flowScore), true).reduce((sum, one) => sum + one, 0);
  expect(bits("transfers", 0.8)).toBeGreaterThan(5);
  expect(bits("bills", 0.8)).toBeLessThan(0.1);
  expect(bits("bills", 1)).toBeGreaterThan(bits("bills", 0.8) + 3);
  // Text that is half like an instruction is a third of the evidence: 4 decades times 0.5 to the power of 1.5.
  expect(model.flows("x", { ...from(0.5), token: "bank/new/write" }, false)[0]).toBeCloseTo(4 * 0.5 ** 1.5 * log2(10), 12);
  expect(model.flows("transfers", from(0.04), true)).toEqual([]);
});

test("a task that pays a stranger out of what it read stands out from one that pays the usual one, by its arguments alone", () => {
  const model = new BehaviourModel();
  const task = (...steps: Step[]): Sequence => ({ className: "bills", steps, followed: true });
  for (let i = 0; i < 20; i++) model.add(task(read, pay(argument("/to", "friend"))));
  const usual = scoreSequence(model, task(read, pay(argument("/to", "friend"))));
  const led = scoreSequence(model, task(read, pay(argument("/to", "stranger", { fromResult: true, flowScore: 0.9 }))));
  expect(led.total).toBeGreaterThan(usual.total + 8);
  expect(led.worst).toBe(1);
  expect(led.fromArguments[1]!).toBeGreaterThan(8);
  expect(led.surprisals).toEqual(usual.surprisals);
  // A second act of a class that makes one is one more sign, and the same one again is none.
  const again = (...args: Argument[]): number => scoreSequence(model, task(read, pay(argument("/to", "friend")), pay(argument("/to", "friend"), ...args))).total - usual.total;
  expect(again(argument("/note", "hello"))).toBeGreaterThan(2);
  expect(again()).toBeLessThan(0.5);
});

import { expect, test } from "vitest";
import { FlowTable, type Origin } from "../../../proxy/handling/flow/flow-table.ts";
import { ShortHash } from "../../../proxy/relay/short-hash.ts";

const read = (seq: number, score: number, untrusted = true): Origin => ({ seq, score, untrusted });

test("gives back what was put in, through all growing", () => {
  const table = new FlowTable(10_000);
  const hash = new ShortHash(1, 2);
  for (let i = 0; i < 5000; i++) {
    const { high, low } = hash.of(`v${i}`);
    table.add(high, low, read(i, (i % 21) / 20, i % 2 === 0));
  }
  expect(table.size).toBe(5000);
  for (let i = 0; i < 5000; i++) {
    const { high, low } = hash.of(`v${i}`);
    expect(table.find(high, low)).toEqual({ seq: i, score: Math.round((i % 21) * 10) / 200, untrusted: i % 2 === 0 });
  }
  const { high, low } = hash.of("other");
  expect(table.find(high, low)).toBeNull();
});

test("a value keeps its first origin and its worst score, and does not become trusted again", () => {
  const table = new FlowTable(100);
  table.add(1, 2, read(5, 0.2));
  expect(table.add(1, 2, read(9, 0.8, false))).toBe(true);
  expect(table.add(1, 2, read(10, 0.1))).toBe(false);
  expect(table.find(1, 2)).toEqual({ seq: 5, score: 0.8, untrusted: true });
});

test("a full table lets harmless values go for instruction-shaped ones, and says what was lost", () => {
  const table = new FlowTable(100);
  for (let i = 1; i <= 100; i++) table.add(i, i, read(i, 0));
  expect(table.lost).toBeNull();
  table.add(1000, 1, read(7, 0.9));
  expect(table.find(1000, 1)?.score).toBe(0.9);
  expect(table.lost).toEqual({ score: 0, untrusted: true });
  for (let i = 1; i <= 200; i++) table.add(2000 + i, i, read(8, 0.6));
  expect(table.size).toBe(100);
  expect(table.find(1000, 1)?.score).toBe(0.9);
  expect(table.lost).toEqual({ score: 0.6, untrusted: true });
});

test("another worker's values are taken over without their sequence numbers", () => {
  const table = new FlowTable(100);
  table.add(1, 2, read(5, 0.5));
  const other = new FlowTable(100);
  other.merge(table.entries());
  expect(other.find(1, 2)).toEqual({ seq: 0, score: 0.5, untrusted: true });
});

test("the fleeting digest depends on every character, on the length and on the key", () => {
  const hash = new ShortHash(0x12345678, -5);
  const seen = new Set<string>();
  const note = (text: string): void => {
    const { high, low } = hash.of(text);
    seen.add(`${high} ${low}`);
  };
  const texts = ["", "\0", "\0\0", "a", "a\0", "ab", "ba", "é", "\u0100", "a".repeat(99), "a".repeat(100)];
  for (const text of texts) note(text);
  for (let i = 0; i < 20_000; i++) note(`user${i}@example.com`);
  expect(seen.size).toBe(texts.length + 20_000);
  const { high } = { ...new ShortHash(0x12345678, -6).of("a") };
  expect(hash.of("a").high).not.toBe(high);
});

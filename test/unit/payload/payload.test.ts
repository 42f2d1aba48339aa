import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openBody, toRow } from "../../../collector/payload/cipher.ts";
import { payloadsConfigSchema } from "../../../collector/payload/config.ts";
import { encryptingKey, keyById } from "../../../collector/payload/keys.ts";
import { cutUtf8 } from "../../../collector/payload/payload.ts";
import { said } from "./said.ts";

const key = { id: "k1", bytes: randomBytes(32) };

describe("a payload's row", () => {
  it("says which call it is of, and that it was cut", () => {
    expect(toRow(said("abc", { size: 9, receivedUs: 1_767_323_045_000_042 }), null)).toEqual({
      producer: "px-1",
      seq: "7",
      kind: "result",
      ts: "2026-01-02T03:04:05.000042Z",
      trace_id: "t",
      server: "files",
      method: "tools/call",
      tool: "read",
      risk_tier: "low",
      content_type: "application/json",
      size: "9",
      truncated: true,
      key_id: "",
      body: "abc",
    });
  });

  it("is cut between characters", () => {
    const text = Buffer.from("aé😀b");
    expect([1, 2, 3, 4, 5, 6, 7, 8, 99].map((max) => cutUtf8(text, max).toString("utf8"))).toEqual(["a", "a", "aé", "aé", "aé", "aé", "aé😀", "aé😀b", "aé😀b"]);
    // What is no UTF-8 is cut somewhere all the same.
    expect(cutUtf8(Buffer.alloc(20, 0x80), 10).length).toBeGreaterThan(5);
  });
});

describe("an encrypted body", () => {
  it("opens with its key, is another one each time, and holds nothing of the text", () => {
    const [one, two] = [toRow(said("secret words"), key), toRow(said("secret words"), key)];
    expect(openBody(one, key)).toBe("secret words");
    expect(one.body).not.toBe(two.body);
    expect(JSON.stringify(one) + Buffer.from(one.body, "base64").toString("latin1")).not.toContain("secret");
  });

  it("does not open with another key, nor for another call, kind or length, nor when a byte was changed", () => {
    const row = toRow(said("secret"), key);
    const flipped = Buffer.from(row.body, "base64");
    flipped[flipped.length - 1]! ^= 1;
    const bad = [
      [row, { id: "k1", bytes: randomBytes(32) }],
      [{ ...row, seq: "8" }, key],
      [{ ...row, producer: "px-2" }, key],
      [{ ...row, kind: "arguments" as const }, key],
      [{ ...row, truncated: true }, key],
      [{ ...row, body: flipped.toString("base64") }, key],
      [{ ...row, body: "" }, key],
    ] as const;
    for (const [changed, with_] of bad) expect(() => openBody(changed, with_)).toThrow(expect.objectContaining({ code: "E_PAYLOAD_SEALED" }));
    try {
      openBody(row, { id: "k1", bytes: randomBytes(32) });
    } catch (error) {
      expect(String((error as Error).stack)).not.toContain(row.body);
    }
  });
});

describe("keys", () => {
  const base64 = randomBytes(32).toString("base64");
  const config = payloadsConfigSchema.parse({ encryption: { keys: [{ id: "new", key: "${env:NEW}" }, { id: "old", key: "${env:OLD}" }] } });

  it("encrypt with the first, and are found by id; an old one need not be there to encrypt", async () => {
    expect((await encryptingKey(config, "/", { NEW: base64 }))?.id).toBe("new");
    expect((await keyById(config, "old", "/", { OLD: "ab".repeat(32) })).bytes).toEqual(Buffer.alloc(32, 0xab));
    expect(await encryptingKey(payloadsConfigSchema.parse({}), "/", {})).toBeNull();
  });

  it("that are missing, short or unknown are refused by their place and without their text", async () => {
    const failure = async (work: Promise<unknown>): Promise<Error & { code?: string }> => work.then(() => new Error("none"), (error: Error) => error);
    const missing = await failure(encryptingKey(config, "/", {}));
    expect(missing).toMatchObject({ code: "E_PAYLOAD_KEY", message: "the payloads' key new: the environment variable NEW is missing or empty" });
    const short = await failure(encryptingKey(config, "/", { NEW: "hunter2" }));
    expect(short).toMatchObject({ code: "E_PAYLOAD_KEY", message: expect.stringContaining("not 32 bytes") });
    expect(String(short.stack)).not.toContain("hunter2");
    expect(await failure(keyById(config, "other", "/", {}))).toMatchObject({ code: "E_PAYLOAD_KEY", message: expect.stringContaining("the key other") });
  });

  it("are named where they are, once, and never written into the configuration", () => {
    const refused = (keys: object[]): boolean => !payloadsConfigSchema.safeParse({ encryption: { keys } }).success;
    expect(refused([])).toBe(true);
    expect(refused([{ id: "a", key: base64 }])).toBe(true);
    expect(refused([{ id: "a b", key: "${env:A}" }])).toBe(true);
    expect(refused([{ id: "a", key: "${env:A}" }, { id: "a", key: "${env:B}" }])).toBe(true);
    expect(refused([{ id: "a", key: "${env:A}" }])).toBe(false);
  });
});

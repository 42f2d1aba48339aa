import { expect, test } from "vitest";
import { gate, gatesOf } from "../../../proxy/handling/gates.ts";
import { reveal } from "../../../proxy/handling/hidden.ts";
import { showLinks } from "../../../proxy/handling/links.ts";
import { findPersonal } from "../../../proxy/handling/personal.ts";
import { findSecrets } from "../../../proxy/handling/secrets.ts";
import { randomFrom } from "../../support/random.ts";

const base62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const fragments = [
  ..."  \n\t\"'\\:=-_.,;()[]{}<>/@+#&éü",
  ..."0123456789",
  "password", "passwd", "pwd", "passphrase", "SECRET", "token", "tokens", "api_key", "apiKey", "access-key", "credentials", "Authorization", "Bearer ", "://", "user", "-----BEGIN ", "PRIVATE KEY-----", "RSA ",
  "AKIA", "ASIA", "AIza", "ya29.", "GOCSPX-", "ghp_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxe.", "xapp-", "sk_live_", "rk_test_", "whsec_", "sk-", "sk-ant-", "npm_", "pypi-", "SG.", "hf_", "dop_v1_", "shpat_", "eyJ",
  "tel ", "phone: ", "ssn ", "GB29", "DE89370400440532013000", "4111111111111111", "+49", "(415)", " 555", "-2671", "219-09-9999", "030", "a@b.io", "example.com",
  "](", "<a href=", "https://a.test", "[b.test]", "(https://c.test)", "</a>", "javascript:",
  "\u200b", "\u202e", "\ufe0f", "\u{e0041}", "\u00ad", "\u001b", "\u3164", "\ufeff",
];

test("what a detector finds in a text, a gate says of its bytes, in every spelling that JSON allows", () => {
  const random = randomFrom(20261122);
  const pick = <T>(list: ArrayLike<T>): T => list[Math.floor(random() * list.length)]!;
  let found = 0;
  for (let round = 0; round < 30_000; round++) {
    let text = "";
    for (let i = 0; i < 12; i++) text += random() < 0.15 ? Array.from({ length: Math.floor(random() * 45) }, () => pick(base62)).join("") : pick(fragments);
    const json = JSON.stringify({ text });
    const ascii = json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`);
    const everything = json.replace(/(?<=^\{"text":").*(?="\}$)/s, () => [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""));
    const slashes = json.replaceAll("/", "\\/");
    const wanted: [string, number, boolean][] = [
      ["secret", gate.secret, findSecrets(text).length > 0],
      ["personal", gate.email | gate.number, findPersonal(text, gate.email | gate.number).length > 0],
      ["hidden", gate.hidden, reveal(text) !== null],
      ["link", gate.link, showLinks(text) !== null],
    ];
    for (const [what, bits, isThere] of wanted) {
      if (!isThere) continue;
      found++;
      for (const form of [json, ascii, slashes, everything]) expect(gatesOf(Buffer.from(form)) & (bits | gate.escaped), `${what} in ${form}`).not.toBe(0);
    }
  }
  expect(found).toBeGreaterThan(5000);
});

test("members that hold something else than text, and those that only this proxy may set, are told", () => {
  for (const member of ["mimeType", "blob", "data"]) {
    expect(gatesOf(Buffer.from(`{"${member}" : "x"}`)) & gate.item, member).toBe(gate.item);
  }
  expect(gatesOf(Buffer.from('{"io.signalbox/handling":{}}')) & gate.ours).toBe(gate.ours);
  expect(gatesOf(Buffer.from('{"io.signalbox\\/handling":{}}')) & gate.ours).toBe(gate.ours);
});

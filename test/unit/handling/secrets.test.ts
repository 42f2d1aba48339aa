import { expect, test } from "vitest";
import { gate, gatesOf } from "../../../proxy/handling/gates.ts";
import { redacted, settled } from "../../../proxy/handling/match.ts";
import { findSecrets, isSecretMember } from "../../../proxy/handling/secrets.ts";
import { randomFrom } from "../../support/random.ts";
import { growth, repeated } from "../../support/growth.ts";

const random = randomFrom(7);
const chars = (alphabet: string, count: number): string => Array.from({ length: count }, () => alphabet[Math.floor(random() * alphabet.length)]!).join("");
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const base62 = `${upper}abcdefghijklmnopqrstuvwxyz0123456789`;
const base32 = `${upper}234567`;
const b64 = `${base62}-_`;

/** Made up by shape here, so that no scanner takes this file for a leak. */
const examples: readonly (readonly [kind: string, secret: string])[] = [
  ["aws_access_key", `AKIA${chars(base32, 16)}`],
  ["aws_access_key", `ASIA${chars(base32, 16)}`],
  ["google_api_key", `AIza${chars(b64, 35)}`],
  ["google_oauth_token", `ya29.${chars(b64, 60)}`],
  ["google_oauth_secret", `GOCSPX-${chars(b64, 28)}`],
  ["github_token", `ghp_${chars(base62, 36)}`],
  ["github_token", `ghs_${chars(base62, 36)}`],
  ["github_token", `github_pat_${chars(base62, 22)}_${chars(base62, 59)}`],
  ["gitlab_token", `glpat-${chars(b64, 20)}`],
  ["slack_token", `xoxb-${chars("0123456789", 12)}-${chars(base62, 24)}`],
  ["slack_token", `xapp-1-${chars(upper, 10)}-${chars("0123456789", 12)}`],
  ["stripe_key", `sk_live_${chars(base62, 24)}`],
  ["stripe_key", `rk_test_${chars(base62, 24)}`],
  ["webhook_secret", `whsec_${chars(base62, 32)}`],
  ["model_api_key", `sk-ant-${chars(b64, 40)}`],
  ["model_api_key", `sk-proj-${chars(b64, 40)}`],
  ["npm_token", `npm_${chars(base62, 36)}`],
  ["pypi_token", `pypi-${chars(b64, 60)}`],
  ["sendgrid_key", `SG.${chars(b64, 22)}.${chars(b64, 43)}`],
  ["huggingface_token", `hf_${chars(base62, 34)}`],
  ["digitalocean_token", `dop_v1_${chars("0123456789abcdef", 64)}`],
  ["shopify_token", `shpat_${chars("0123456789abcdef", 32)}`],
  ["jwt", `eyJ${chars(b64, 20)}.eyJ${chars(b64, 40)}.${chars(b64, 43)}`],
  ["private_key", `-----BEGIN RSA PRIVATE KEY-----\n${chars(base62, 64)}\n${chars(base62, 64)}\n-----END RSA PRIVATE KEY-----`],
  ["private_key", `-----BEGIN PRIVATE KEY-----\n${chars(base62, 64)}`],
];

for (const [kind, secret] of examples) {
  test(`${kind} is found wherever it stands, and its gate opens: ${secret.slice(0, 12)}...`, () => {
    const text = `Here it is: ${secret}\nand that is all.`;
    expect(settled(findSecrets(text)).map((m) => m.kind)).toEqual([kind]);
    const masked = redacted(text, settled(findSecrets(text)));
    expect(masked).toContain(`⟦redacted:${kind}⟧`);
    expect(masked).not.toContain(secret.slice(-12));
    expect(gatesOf(Buffer.from(JSON.stringify({ text }))) & gate.secret).toBe(gate.secret);
  });
}

const value = "tR7pQz4mW9xK2v";
for (const [what, text, kind, kept] of [
  ["a password in a URL", `use postgres://app:${value}@db.internal:5432/main now`, "connection_string", "postgres://app:⟦redacted:connection_string⟧@db.internal"],
  ["a value behind the word password", `DB_PASSWORD=${value}`, "assigned_secret", "DB_PASSWORD=⟦redacted:assigned_secret⟧"],
  ["one in YAML", `  api_key: "${value}"`, "assigned_secret", 'api_key: "⟦redacted:assigned_secret⟧"'],
  ["one in JSON inside the text", JSON.stringify({ clientSecret: value }), "assigned_secret", '{"clientSecret":"⟦redacted:assigned_secret⟧"}'],
  ["a header", `Authorization: Bearer ${value}${value}`, "authorization_header", "Authorization: Bearer ⟦redacted:authorization_header⟧"],
  ["a Go assignment", `token := "${value}"`, "assigned_secret", 'token := "⟦redacted:assigned_secret⟧"'],
] as const) {
  test(`${what} is found by its name`, () => {
    const found = settled(findSecrets(text));
    expect(found.map((m) => m.kind)).toEqual([kind]);
    expect(redacted(text, found)).toContain(kept);
    expect(gatesOf(Buffer.from(JSON.stringify({ text }))) & gate.secret).toBe(gate.secret);
  });
}

for (const text of [
  "Enter your password: it must have eight characters.",
  "password: ********",
  "password=<your password>",
  "API_KEY=${API_KEY}",
  "token: process.env.TOKEN",
  "const token = getToken();",
  '"password": "required"',
  "The secret: keep going.",
  "https://example.com/path?x=1:2@3",
  "see task-1234 and risk-averse people, sk-etch",
  "max_tokens: 4096, total_tokens: 128000",
  "AKIATOOSHORT",
  "keyboard: mechanical-87-keys",
  "primary_key: customer_id_2024",
  "https://user:password@example.com/",
  "eyJhbGciOiJIUzI1NiJ9 alone is only a header",
]) {
  test(`nothing is found in ${JSON.stringify(text)}`, () => {
    expect(findSecrets(text)).toEqual([]);
  });
}

test("a member of a structured result counts by its name", () => {
  expect(isSecretMember("password", value)).toBe(true);
  expect(isSecretMember("dbPassword", value)).toBe(true);
  expect(isSecretMember("access_token", `${value}${value}`)).toBe(true);
  expect(isSecretMember("nextPageToken", "next")).toBe(false);
  expect(isSecretMember("description", value)).toBe(false);
});

test("hostile text takes no time that grows faster than it", () => {
  for (const unit of ["password=", "://a:", "sk-", "eyJ", "-----BEGIN ", "authorization: bearer ", 'token":"', "AKIA", "A"]) {
    const grown = growth((length) => {
      const text = repeated(unit, length);
      return () => findSecrets(text);
    });
    expect(grown, unit).toBeLessThan(30);
  }
});

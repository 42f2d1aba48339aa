import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { proxyConfigSchema } from "../../../proxy/config.ts";

const text = readFileSync(new URL("../../../proxy/identity/README.md", import.meta.url), "utf8");
const documented = [...text.matchAll(/```yaml\n(proxy:\n[\s\S]*?)\n```/g)].map(([, block]) => (parse(block!) as { proxy: object }).proxy);
const one = { issuer: "https://login.example.com" };
const withIssuers = (...issuers: object[]) => ({ oauth: { issuers } });

test("what the documentation shows is a configuration, and says what the defaults are", () => {
  const configs = documented.map((proxy) => proxyConfigSchema.parse(proxy));
  expect(configs.find(({ tls }) => tls)?.clientCertificates?.clients).toHaveLength(2);
  const { oauth } = configs.find((config) => config.oauth)!;
  expect(oauth!.issuers[0]!.claims).toEqual({ ...proxyConfigSchema.parse(withIssuers(one)).oauth!.issuers[0]!.claims });
  expect(oauth!.issuers[0]!.algorithms).toEqual(["RS256", "ES256", "EdDSA"]);
  for (const name of ["verifiedForSeconds", "introspectedForSeconds", "clockSkewSeconds", "keysMaxAgeSeconds", "keysRefetchSeconds"] as const) {
    expect(text).toContain(`\`${name}\` (${oauth![name]})`);
  }
});

const secret = "${env:S}";
const faults: [string, object, RegExp][] = [
  ["no issuer", withIssuers(), /issuers/],
  ["a symmetric algorithm", withIssuers({ ...one, algorithms: ["HS256"] }), /algorithms/],
  ["no algorithm", withIssuers({ ...one, algorithms: ["none"] }), /algorithms/],
  ["an issuer in clear", withIssuers({ issuer: "http://login.example.com" }), /must be https/],
  ["keys in clear", withIssuers({ ...one, jwksUri: "http://login.example.com/jwks" }), /must be https/],
  ["a secret that stands in the file", withIssuers({ ...one, introspection: { clientId: "a", clientSecret: "hunter2" } }), /names where the credential is/],
  ["keys and introspection at once", withIssuers({ ...one, jwksUri: "https://x.example/jwks", introspection: { clientId: "a", clientSecret: secret } }), /not both/],
  ["an issuer twice", withIssuers(one, { ...one, prefix: "b:" }), /stands here already/],
  ["two issuers that speak of the same names", withIssuers(one, { issuer: "https://other.example.com" }), /prefix of its own/],
  ["two issuers to be asked", withIssuers({ ...one, introspection: { clientId: "a", clientSecret: secret } }, { issuer: "https://o.example", prefix: "o:", introspection: { clientId: "a", clientSecret: secret } }), /one issuer at most/],
  ["a scope with a space", { oauth: { issuers: [one], scopes: [{ scopes: ["a b"] }] } }, /no spaces/],
  ["a scope with a quote, which would end the challenge", { oauth: { issuers: [one], scopes: [{ scopes: ['a"'] }] } }, /no spaces, quotes/],
  ["an address that no client can use as the audience", { host: "0.0.0.0", oauth: { issuers: [one] } }, /publicUrl/],
];
test.each(faults)("%s is refused", (_, config, message) => {
  const parsed = proxyConfigSchema.safeParse(config);
  expect(JSON.stringify(parsed.error?.issues)).toMatch(message);
  expect(JSON.stringify(parsed.error?.issues)).not.toContain("hunter2");
});

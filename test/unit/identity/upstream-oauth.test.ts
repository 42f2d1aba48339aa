import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { oauthCredentialSchema } from "../../../proxy/registry/oauth-credential.ts";
import { credentialSchema } from "../../../proxy/registry/server-entry.ts";
import { readChallenge } from "../../../proxy/upstream/credentials/challenge.ts";

test.each([
  ["Bearer", { error: "", scopes: [], metadataUrl: undefined }],
  ['Bearer realm="x", error="insufficient_scope", scope="a b"', { error: "insufficient_scope", scopes: ["a", "b"], metadataUrl: undefined }],
  ['bearer scope=a,resource_metadata="https://s.example/x?a=1,b=2"', { error: "", scopes: ["a"], metadataUrl: "https://s.example/x?a=1,b=2" }],
  ['Basic realm="x", Bearer scope="a"', { error: "", scopes: ["a"], metadataUrl: undefined }],
  ['Bearer scope="a\\"b", scope="second"', { error: "", scopes: [], metadataUrl: undefined }],
  [["Basic", 'Bearer scope="a"'], { error: "", scopes: ["a"], metadataUrl: undefined }],
  [`Bearer scope="a", x="${"x".repeat(4096)}", error="e"`, { error: "", scopes: ["a"], metadataUrl: undefined }],
  ['DPoP algs="ES256"', null],
  ['Basic realm="Bearer scope=a"', null],
  [undefined, null],
])("the challenge %j is read", (header, expected) => {
  expect(readChallenge(header)).toEqual(expected);
});

test("of a challenge's scopes no more are taken than anybody needs", () => {
  expect(readChallenge(`Bearer scope="${Array.from({ length: 500 }, (_, i) => `s${i}`).join(" ")}"`)!.scopes).toHaveLength(64);
});

test("what the documentation shows is a credential", () => {
  const text = readFileSync(new URL("../../../proxy/README.md", import.meta.url), "utf8");
  const shown = [...text.matchAll(/```yaml\n(credential:\n[\s\S]*?)\n```/g)].map(([, block]) => (parse(block!) as { credential: Record<string, unknown> }).credential);
  expect(shown.length).toBeGreaterThan(1);
  // One shows two ways, of which an entry has one.
  for (const { secret: _, ...one } of shown) expect(credentialSchema.safeParse(one).error?.issues ?? []).toEqual([]);
});

const client = { clientId: "signalbox", clientSecret: "${env:S}" };
const identityProvider = { issuer: "https://idp.example", clientId: "c", clientSecret: "${env:S}" };

test.each([
  ["the issuer found by the server's metadata", client],
  ["an issuer", { ...client, issuer: "https://login.example" }],
  ["a key", { clientId: "c", privateKey: "${file:/run/key.pem}", algorithm: "RS256" }],
  ["a workload's token", { clientId: "c", grant: "jwt_bearer", assertion: "${file:/run/token}" }],
  ["an identity provider", { ...client, grant: "id_jag", identityProvider }],
])("%s is a credential", (_, oauth) => {
  expect(oauthCredentialSchema.safeParse(oauth).error?.issues ?? []).toEqual([]);
});

test.each([
  ["two ways to the token endpoint", { ...client, issuer: "https://a.example", tokenUrl: "https://a.example/token" }, "tokenUrl"],
  ["an issuer in clear", { ...client, issuer: "http://a.example" }, "issuer"],
  ["a secret in the file", { clientId: "c", clientSecret: "s3cret" }, "clientSecret"],
  ["a secret and a key", { ...client, privateKey: "${env:K}" }, "privateKey"],
  ["neither", { clientId: "c" }, "clientSecret"],
  ["a symmetric signature", { clientId: "c", privateKey: "${env:K}", algorithm: "HS256" }, "algorithm"],
  ["a way of saying who it is that its proof is not for", { ...client, authentication: "private_key_jwt" }, "authentication"],
  ["no assertion where the grant is one", { clientId: "c", grant: "jwt_bearer" }, "assertion"],
  ["an assertion where the grant has none", { ...client, assertion: "${env:A}" }, "assertion"],
  ["an identity provider for another grant", { ...client, identityProvider }, "identityProvider"],
  ["an identity assertion for nobody", { ...client, grant: "id_jag", identityProvider, tokenUrl: "https://a.example/token" }, "tokenUrl"],
])("%s is refused", (_, oauth, field) => {
  expect(oauthCredentialSchema.safeParse(oauth).error?.issues.map(({ path }) => path[0])).toContain(field);
});

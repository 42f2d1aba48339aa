import { expect, it } from "vitest";
import { readClaims } from "../../../proxy/identity/oauth/claims.ts";
import { oauthConfigSchema } from "../../../proxy/identity/oauth/config.ts";

const config = oauthConfigSchema.parse({ issuers: [{ issuer: "https://login.example" }] });
const good = { sub: "ana", client_id: "triage-agent", aud: "https://mcp.example/mcp/tickets", exp: 2_000_000_000 };
const read = (claims: Record<string, unknown>) => readClaims({ ...good, ...claims }, { config, issuer: config.issuers[0]!, credentialId: "at-1", serverOf: () => null });

it("takes what it needs of a token", () => {
  expect(read({})).toMatchObject({ identity: { agent: "triage-agent", principal: "ana" } });
});

it.each([
  ["the agent (act.sub, client_id, azp) is no name", { client_id: "../s3cret agent" }],
  ["the principal (sub, client_id) is no name", { sub: "s3cret\nana" }],
  ["act is no chain of at most 8 actors", { act: { sub: "s3cret", act: "s3cret" } }],
  ["aud is neither text nor a list of texts", { aud: ["s3cret", 1] }],
  ["it is bound to a key, and no bearer token", { cnf: { jkt: "s3cret" } }],
  ["a name in it is too long", { client_id: "a".repeat(128), sub: "s3cret".repeat(40) }],
])("says for whoever runs it, without the claims' values, that %s", (unusable, claims) => {
  expect(read(claims)).toEqual({ unusable });
});

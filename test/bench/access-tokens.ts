import { exportJWK, SignJWT } from "jose";
import { systemClock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import { oauthConfigSchema } from "../../proxy/identity/oauth/config.ts";
import { presentedToken } from "../../proxy/identity/oauth/presented-token.ts";
import { createResourceServer } from "../../proxy/identity/oauth/resource-server.ts";
import { createLocalControl } from "../../proxy/state/local-control.ts";
import { makeKeys } from "../support/authorization-server.ts";

/** What an access token costs a call: the first one of a token, by algorithm, and every other one. */
const issuer = "https://login.example.com";
const keys = await makeKeys("bench");
const jwks = { keys: await Promise.all(keys.map(async ({ kid, alg, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg }))) };
const config = oauthConfigSchema.parse({ issuers: [{ issuer, jwksUri: `${issuer}/jwks` }], scopes: [{ scopes: ["mcp:use"] }], verifiedForSeconds: 3600 });
const base = "http://127.0.0.1:7070";
const server = createResourceServer({ config, publicUrl: () => base, control: createLocalControl(), clock: systemClock, logger: silentLogger, env: {}, baseDir: "", fetch: async () => Response.json(jwks) });

const now = Math.floor(Date.now() / 1000);
const claims = { iss: issuer, sub: "ana", client_id: "triage-agent", aud: `${base}/mcp/tickets`, scope: "mcp:use", iat: now, exp: now + 3600, task: { id: "T-1", class: "triage" } };
const header = async (i: number, key = keys[0]!) =>
  `Bearer ${await new SignJWT({ ...claims, jti: String(i) }).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt" }).sign(key.privateKey)}`;

async function check(authorization: string): Promise<void> {
  const answer = await server.authenticate(presentedToken(authorization, undefined)!, "tickets", Date.now());
  if (!answer.ok) throw new Error(`the bench's token was refused: ${answer.why}`);
}

for (const key of keys) {
  const headers = await Promise.all(Array.from({ length: 1200 }, (_, i) => header(i, key)));
  for (const one of headers.slice(0, 200)) await check(one);
  const begin = performance.now();
  for (const one of headers.slice(200)) await check(one);
  console.log(`first call with a token, ${key.alg}: ${((performance.now() - begin) * 1000 / 1000).toFixed(0)} us (${headers[200]!.length - 7} bytes)`);
}

const CALLS = 200_000;
const authorization = await header(9999);
await check(authorization);
const connection = {};
for (const [name, over] of [["on a kept connection", connection], ["on a new one", undefined]] as const) {
  const runs = Array.from({ length: 6 }, () => {
    const begin = performance.now();
    // A new text each time, as the parser of HTTP makes one.
    for (let i = 0; i < CALLS; i++) server.authenticate(presentedToken(Buffer.from(authorization).toString("latin1"), over)!, "tickets", now * 1000);
    const whole = performance.now() - begin;
    const empty = performance.now();
    for (let i = 0; i < CALLS; i++) Buffer.from(authorization).toString("latin1");
    return ((whole - (performance.now() - empty)) * 1000) / CALLS;
  });
  console.log(`every other call, ${name}: ${Math.min(...runs).toFixed(2)} us`);
}
await server.stop();

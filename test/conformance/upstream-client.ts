/**
 * The suite's "client command": a proxy whose one server is the scenario's, which it reaches with OAuth, and a client that
 * lists the tools and calls the first one through it. The suite looks at what arrives at its server.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { asAlice, httpServer, startProxyApp } from "../support/proxy-app.ts";

const url = process.argv.at(-1)!;
const { MCP_CONFORMANCE_SCENARIO: scenario = "", MCP_CONFORMANCE_PROTOCOL_VERSION: version = "2025-11-25", MCP_CONFORMANCE_CONTEXT: context = "{}" } = process.env;
const given = JSON.parse(context) as Record<string, string>;

/** What a scenario says that its client was given; the others are for clients that register themselves, and take any secret. */
function credentialOf(): { oauth: Record<string, unknown>; env: Record<string, string> } {
  const clientId = given.client_id ?? "registered-beforehand";
  const secret = { oauth: { clientId, clientSecret: "${env:CLIENT_SECRET}" }, env: { CLIENT_SECRET: given.client_secret ?? "secret-of-the-suite" } };
  switch (scenario) {
    case "auth/client-credentials-jwt":
      return { oauth: { clientId, privateKey: "${env:CLIENT_KEY}", algorithm: given.signing_algorithm }, env: { CLIENT_KEY: given.private_key_pem! } };
    case "auth/wif-jwt-bearer":
      return { oauth: { clientId, grant: "jwt_bearer", assertion: "${env:ASSERTION}" }, env: { ASSERTION: given.valid_jwt! } };
    case "auth/token-endpoint-auth-none":
      return { oauth: { clientId, grant: "jwt_bearer", assertion: "${env:ASSERTION}" }, env: { ASSERTION: "an.assertion.that-nobody-reads" } };
    case "auth/enterprise-managed-authorization": {
      const identityProvider = { issuer: given.idp_issuer, clientId: given.idp_client_id, clientSecret: "${env:IDP_SECRET}" };
      return {
        oauth: { ...secret.oauth, grant: "id_jag", assertion: "${env:ASSERTION}", identityProvider },
        env: { ...secret.env, ASSERTION: given.idp_id_token!, IDP_SECRET: "secret-of-the-suite" },
      };
    }
    case "auth/pre-registration":
      return { oauth: { ...secret.oauth, issuer: given.issuer }, env: secret.env };
    default:
      return secret;
  }
}

const { oauth, env } = credentialOf();
const proxy = await startProxyApp({ servers: [httpServer(url, { credential: { name: "of-the-suite", oauth } })], env, config: { denialBreaker: false } });
const client = new Client({ name: "signalbox-conformance", version: "1" }, version === "2026-07-28" ? { versionNegotiation: { mode: { pin: version } } } : {});
try {
  await client.connect(new StreamableHTTPClientTransport(new URL(proxy.url), { requestInit: { headers: asAlice } }));
  const { tools } = await client.listTools();
  const [first] = tools;
  if (first) await client.callTool({ name: first.name, arguments: {} });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(JSON.stringify(proxy.audit.records.map(({ method, outcome, errorType, httpStatus }) => ({ method, outcome, errorType, httpStatus }))));
  process.exitCode = 1;
} finally {
  await client.close().catch(() => {});
  await proxy.stop();
}

import { manualClock } from "../../../../collector/kernel/clock.ts";
import { introspecting, startAuthorizationServer, type AuthorizationServer } from "../../../support/authorization-server.ts";
import { httpServer, startProxyApp, type TestProxy, type TestProxyOptions } from "../../../support/proxy-app.ts";
import { startStubUpstream, type StubUpstream } from "../../../support/stub-upstream.ts";

/** The real proxy app in front of two servers, with a real authorization server and a clock that a test moves. */
export interface OAuthProxy {
  readonly as: AuthorizationServer;
  readonly upstream: StubUpstream;
  readonly proxy: TestProxy;
  readonly clock: ReturnType<typeof manualClock>;
  /** The URL of a server, which is the resource that its tokens are for. */
  resource(server?: string): string;
  /** The claims of a token that is good for `tickets`, with what a test changes; undefined leaves a claim out. */
  claims(more?: Record<string, unknown>): Record<string, unknown>;
  call(headers: Record<string, string>, options?: CallOptions): Promise<Answer>;
  stop(): Promise<void>;
}

export interface CallOptions {
  readonly server?: string;
  readonly tool?: string;
  readonly query?: string;
  readonly body?: object;
}

export interface Answer {
  readonly status: number;
  readonly challenge: string;
  readonly headers: Headers;
  readonly body: any;
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

const tools = { read: { effect: "read", trusted: true }, write: { effect: "write" } };
const requires = [{ scopes: ["mcp:use"] }, { servers: ["tickets"], effects: ["write", "destructive"], scopes: ["tickets:write"] }];

export interface OAuthProxyOptions extends Partial<TestProxyOptions> {
  readonly oauth?: Record<string, unknown>;
  readonly issuer?: Record<string, unknown>;
  /** Registry entries that have to know where the others are. */
  readonly serversOf?: (running: Pick<OAuthProxy, "as" | "upstream">) => unknown[];
}

export async function startOAuthProxy(more: OAuthProxyOptions = {}): Promise<OAuthProxy> {
  const { oauth, issuer, config, serversOf, ...rest } = more;
  const as = await startAuthorizationServer();
  const upstream = await startStubUpstream();
  const clock = manualClock(Date.now());
  const proxy = await startProxyApp({
    servers: serversOf?.({ as, upstream }) ?? [httpServer(upstream.url, { name: "tickets", tools }), httpServer(upstream.url, { name: "files", tools })],
    clock,
    env: { INTROSPECTION_SECRET: introspecting.clientSecret },
    config: { denialBreaker: false, ...config, oauth: { issuers: [{ issuer: as.issuer, ...issuer }], scopes: requires, implies: { "tickets:admin": ["tickets:write"] }, ...oauth } },
    ...rest,
  });
  const resource = (server = "tickets"): string => `${proxy.baseUrl}/mcp/${server}`;
  return {
    as,
    upstream,
    proxy,
    clock,
    resource,
    claims(changes = {}) {
      const now = Math.floor(clock.nowMs() / 1000);
      const good = { iss: as.issuer, sub: "ana", client_id: "triage-agent", aud: resource(), scope: "mcp:use tickets:write", iat: now, exp: now + 300, jti: "t1" };
      return Object.fromEntries(Object.entries({ ...good, ...changes }).filter(([, value]) => value !== undefined));
    },
    async call(headers, { server = "tickets", tool = "read", query = "", body } = {}) {
      const message = body ?? { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: {} } };
      const response = await fetch(resource(server) + query, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
        body: JSON.stringify(message),
      });
      const text = await response.text();
      return { status: response.status, challenge: response.headers.get("www-authenticate") ?? "", headers: response.headers, body: text.startsWith("{") ? JSON.parse(text) : text };
    },
    async stop() {
      await proxy.stop();
      await upstream.stop();
      await as.stop();
    },
  };
}

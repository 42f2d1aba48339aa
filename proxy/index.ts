/** The proxy's public face: what other parts of the program, and tests of the whole, may rely on. */
export { createProxyApp, type ProxyDeps } from "./server.ts";
export { createUpstreams, type Upstream, type Upstreams } from "./upstream/upstreams.ts";
export { startStdioHost, type StdioHostOptions } from "./upstream/host/host.ts";
export { proxyConfigSchema, type ProxyConfig } from "./config.ts";
export { type ControlPlane } from "./control-plane.ts";

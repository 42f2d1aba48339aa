import { startChildServer } from "../support/child-server.ts";
import { startProxyFor } from "../support/proxy.ts";
import { startTokenShim } from "../support/token-shim.ts";

/** Where the suite is pointed at: the fixture itself, or something in front of it. */
export const targetNames = ["direct", "passthrough", "proxy"] as const;
export type TargetName = (typeof targetNames)[number];

export interface Target {
  url: string;
  stop(): Promise<void>;
}

export async function startTarget(name: TargetName, fixtureUrl: string): Promise<Target> {
  switch (name) {
    case "direct":
      return { url: fixtureUrl, stop: async () => {} };
    case "passthrough":
      return startPassthrough(fixtureUrl);
    case "proxy":
      return startProxy(fixtureUrl);
  }
}

/** The pass-through stands behind the shim as the proxy does, so a fault of the harness shows here. */
async function startPassthrough(fixtureUrl: string): Promise<Target> {
  const script = new URL("../bench/passthrough.ts", import.meta.url);
  const passthrough = await startChildServer(script, ["--target", fixtureUrl]);
  const shim = await startTokenShim(passthrough.url, { authorization: "Bearer unread" });
  return {
    url: shim.url,
    stop: async () => {
      await shim.stop();
      await passthrough.stop();
    },
  };
}

/** The suite cannot send a token: the shim adds what the proxy asks for, unless it asks for nothing. */
async function startProxy(fixtureUrl: string): Promise<Target> {
  const proxy = await startProxyFor(fixtureUrl);
  if (Object.keys(proxy.headers).length === 0) return proxy;
  const shim = await startTokenShim(proxy.url, proxy.headers);
  return {
    url: shim.url,
    stop: async () => {
      await shim.stop();
      await proxy.stop();
    },
  };
}

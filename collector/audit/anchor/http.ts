import { request } from "undici";
import type { Anchor } from "./anchor.ts";

/** `credential` is asked for once a delivery and sent as a bearer token. Null for a receiver that wants none. */
export function createHttpAnchor(options: { url: string; timeoutMs: number; credential: (() => Promise<string>) | null }): Anchor {
  const { url, timeoutMs, credential } = options;
  const { origin, pathname } = new URL(url);
  return {
    name: `http ${origin}${pathname}`,
    async keep(entries) {
      const authorization = credential ? { authorization: `Bearer ${await credential()}` } : {};
      for (const entry of entries) {
        const { statusCode, body } = await request(url, {
          method: "POST",
          headers: { "content-type": "application/json", ...authorization },
          body: JSON.stringify(entry),
          signal: AbortSignal.timeout(timeoutMs),
        });
        await body.dump();
        if (statusCode < 200 || statusCode > 299) throw new Error(`${origin} answered ${statusCode}`);
      }
    },
  };
}

import { request } from "undici";
import type { Anchor } from "./anchor.ts";

export function createHttpAnchor(options: { url: string; timeoutMs: number }): Anchor {
  const { url, timeoutMs } = options;
  const { origin, pathname } = new URL(url);
  return {
    name: `http ${origin}${pathname}`,
    async keep(entries) {
      for (const entry of entries) {
        const { statusCode, body } = await request(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(entry),
          signal: AbortSignal.timeout(timeoutMs),
        });
        await body.dump();
        if (statusCode < 200 || statusCode > 299) throw new Error(`${origin} answered ${statusCode}`);
      }
    },
  };
}

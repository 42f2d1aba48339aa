import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

export interface SampleQuery {
  readonly id: string;
  readonly title: string;
  readonly sql: string;
}

const dir = fileURLToPath(new URL("../queries/samples", import.meta.url));

/** Questions that investigators start with: files, so that they are reviewed and tested like other queries. */
export function loadSamples(): SampleQuery[] {
  return readdirSync(dir)
    .filter((n) => n.endsWith(".sql"))
    .sort()
    .map((name) => {
      const sql = readFileSync(join(dir, name), "utf8").trim();
      return { id: name.slice(0, -4), title: /^--\s*(?:question:\s*)?(.+)/.exec(sql)?.[1] ?? name, sql };
    });
}

/** The official suite across the bridge: an era's requirements, put to a server of the other one. */
import { join } from "node:path";
import type { FixtureEras } from "../fixtures/mcp-server/http.ts";
import { serveFixtureHttp } from "../fixtures/mcp-server/http.ts";
import { runSuite, type RequirementSet } from "./suite.ts";
import { startTarget } from "./targets.ts";

interface Across {
  readonly set: RequirementSet;
  readonly server: FixtureEras;
  /** Scenarios that can't pass, and why. One that passes all the same is to be told too. */
  readonly cannot: Readonly<Record<string, string>>;
}

export const across: readonly Across[] = [
  { set: "2025-11-25", server: "new", cannot: {} },
  {
    set: "2026-07-28",
    server: "old",
    cannot: {
      "server-stateless": "whether a call needs a capability that the client lacks, a server of the older protocol says in words of its own and not with -32021",
      "input-required-result-basic-elicitation": "the suite wants the server's own name for a question; a request of the older protocol has none",
      "input-required-result-capability-check": "the fixture reads the client's capabilities from the request, where the older protocol does not have them",
    },
  },
];

export interface AcrossResult {
  readonly set: RequirementSet;
  readonly server: FixtureEras;
  readonly required: number;
  readonly passed: number;
  readonly cannot: readonly { readonly scenario: string; readonly why: string }[];
  /** Neither passed nor known to be impossible, or known to be and passed. */
  readonly wrong: readonly string[];
}

export async function runAcross(folder: string): Promise<readonly AcrossResult[]> {
  const results: AcrossResult[] = [];
  for (const { set, server, cannot } of across) {
    const fixture = await serveFixtureHttp(0, server);
    try {
      const target = await startTarget("proxy", fixture.url);
      try {
        const { required, missed } = await runSuite(target.url, set, join(folder, `across-${set}`));
        const known = Object.entries(cannot).map(([scenario, why]) => ({ scenario, why }));
        const wrong = [...missed.filter((one) => cannot[one] === undefined), ...known.map(({ scenario }) => scenario).filter((one) => !missed.includes(one))];
        results.push({ set, server, required: required.length, passed: required.length - missed.length, cannot: known, wrong });
      } finally {
        await target.stop();
      }
    } finally {
      await fixture.stop();
    }
  }
  return results;
}

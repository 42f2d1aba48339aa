import { defineConfig } from "vitest/config";

/** Tests of a minute and more, or that need more than Node: `npm run test:long`. */
const long = "test/{unit,contract,integration,e2e}/**/*.long.test.ts";
/** Of the projects whose tests start processes. Set for all of them together, it would run once for each and once more. */
const globalSetup = "test/support/global-setup.ts";

export default defineConfig(({ mode }) => ({
  test: {
    root: new URL("..", import.meta.url).pathname,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    // Two cores: the integration files each start an engine, so more workers only make them wait for each other.
    maxWorkers: 2,
    projects:
      mode === "long"
        ? [{ extends: true, test: { name: "long", include: [long], globalSetup } }]
        : [
            // What is pure shares a process: a fresh one for each file took longer than what they test.
            { extends: true, test: { name: "unit", include: ["test/unit/**/*.test.ts"], exclude: [long], isolate: false } },
            { extends: true, test: { name: "parts", include: ["test/{contract,integration,e2e}/**/*.test.ts"], exclude: [long], globalSetup } },
          ],
  },
}));

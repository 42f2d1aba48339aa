import { defineConfig } from "vitest/config";

/** Tests of a minute and more, or that need more than Node: `npm run test:long`. */
const long = "test/{unit,contract,integration,e2e}/**/*.long.test.ts";

export default defineConfig(({ mode }) => ({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: mode === "long" ? [long] : ["test/{unit,contract,integration,e2e}/**/*.test.ts"],
    exclude: mode === "long" ? [] : [long],
    globalSetup: "test/support/global-setup.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    // Two cores: the integration files each start an engine, so more workers only make them wait for each other.
    maxWorkers: 2,
  },
}));

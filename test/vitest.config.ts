import { defineConfig } from "vitest/config";

/** Tests of a minute and more, or that need more than Node: `npm run test:long`. */
const long = "test/{contract,integration,e2e}/**/*.long.test.ts";
const unit = "test/unit/**/*.test.ts";

export default defineConfig(({ mode }) => ({
  test: {
    root: new URL("..", import.meta.url).pathname,
    globalSetup: "test/support/global-setup.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    // Two cores: the integration files each start an engine, so more workers only make them wait for each other.
    maxWorkers: 2,
    projects:
      mode === "long"
        ? [{ extends: true, test: { name: "long", include: [long] } }]
        : [
            // What is pure shares a process: a fresh one for each file took longer than what they test.
            { extends: true, test: { name: "unit", include: [unit], isolate: false } },
            { extends: true, test: { name: "parts", include: ["test/{contract,integration,e2e}/**/*.test.ts"], exclude: [long] } },
          ],
  },
}));

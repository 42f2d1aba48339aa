import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium as playwright, type Browser } from "playwright-core";

/** No network of its own, no sandbox (tests may run as root), no GPU: only what a page needs to draw. */
const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Chromium from npm, for tests of pages. `SIGNALBOX_TEST_CHROMIUM` names another binary. Returns the reason as a string
 * where none starts, so that a test can skip aloud.
 */
export async function startBrowser(): Promise<Browser | string> {
  try {
    const { path, env } = await locate();
    // A locale such as C.UTF-8 or POSIX becomes a language tag that Intl refuses.
    Object.assign(env, { LANG: "en_US.UTF-8", LC_ALL: "en_US.UTF-8" });
    return await playwright.launch({ executablePath: path, args: quiet, env, timeout: 60_000 });
  } catch (error) {
    return `no browser: ${error instanceof Error ? error.message.split("\n").slice(0, 4).join(" ") : String(error)}`;
  }
}

async function locate(): Promise<{ path: string; env: Record<string, string> }> {
  const env = Object.fromEntries(Object.entries(process.env).filter((e): e is [string, string] => e[1] !== undefined));
  const named = process.env.SIGNALBOX_TEST_CHROMIUM;
  if (named) return { path: named, env };
  const path = await unpack();
  return { path, env: { ...env, LD_LIBRARY_PATH: join(tmpdir(), "al2023", "lib"), ...(existsSync("/etc/fonts/fonts.conf") ? {} : { FONTCONFIG_PATH: join(tmpdir(), "fonts") }) } };
}

/** The package unpacks the libraries that it ships only where it believes to run in Lambda; a plain machine lacks them too. */
async function unpack(): Promise<string> {
  const before = { ...process.env };
  process.env.AWS_EXECUTION_ENV ??= "AWS_Lambda_nodejs24.x";
  try {
    const { default: bundled } = await import("@sparticuz/chromium");
    // executablePath() returns early when the binary exists, even where its libraries do not.
    if (existsSync(join(tmpdir(), "chromium")) && !existsSync(join(tmpdir(), "al2023"))) {
      const { inflate } = await import(new URL("lambdafs.js", import.meta.resolve("@sparticuz/chromium")).href);
      await inflate(new URL("../../bin/al2023.tar.br", import.meta.resolve("@sparticuz/chromium")).pathname);
    }
    return await bundled.executablePath();
  } finally {
    for (const name of ["AWS_EXECUTION_ENV", "LD_LIBRARY_PATH", "FONTCONFIG_PATH"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

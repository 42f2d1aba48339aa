/** Builds the console's web part when it is missing or older than its sources, so that a second start does not wait. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../dashboards/web/", import.meta.url));
const built = join(web, "dist", "index.html");

const newestSource = readdirSync(web, { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile() && !e.parentPath.startsWith(join(web, "dist")))
  .reduce((newest, e) => Math.max(newest, statSync(join(e.parentPath, e.name)).mtimeMs), 0);

if (!existsSync(built) || statSync(built).mtimeMs < newestSource || process.argv.includes("--force")) {
  const { build } = await import("vite");
  await build({ root: web, configFile: join(web, "vite.config.ts"), logLevel: "warn" });
}

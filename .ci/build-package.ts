/**
 * Makes the publishable package in dist/: compiled JavaScript (Node strips no types inside node_modules), the files that
 * the code reads beside itself, and a package.json whose command is the compiled one. `npm pack ./dist` packs it.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const assetKinds = new Set([".sql", ".yaml", ".xml", ".md", ".json"]);
const folders = ["collector", "proxy", "analytics", "alerts", "dashboards"];

rmSync(dist, { recursive: true, force: true });
run(join(root, "node_modules/.bin/tsc"), ["-p", join(root, ".ci/tsconfig.build.json")]);
run(process.execPath, [join(root, ".ci/build-web.ts")]);

for (const folder of folders) {
  for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name);
    const path = relative(root, from);
    if (!entry.isFile() || path.startsWith(join("dashboards", "web"))) continue;
    if (assetKinds.has(extname(entry.name))) copy(from, join(dist, path));
  }
}
cpSync(join(root, "dashboards/web/dist"), join(dist, "dashboards/web/dist"), { recursive: true });
for (const file of ["README.md", "LICENSE"]) copy(join(root, file), join(dist, file));
chmodSync(join(dist, "signalbox.js"), 0o755);
writeFileSync(join(dist, "package.json"), `${JSON.stringify(publishedManifest(), null, 2)}\n`);

function publishedManifest(): Record<string, unknown> {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<string, unknown>;
  const { scripts: _scripts, devDependencies: _dev, private: _private, ...kept } = manifest;
  return { ...kept, bin: { signalbox: "signalbox.js" } };
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}

function run(command: string, args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");

/** Which folders each folder may import from, besides itself. The entry file at the root alone sees all. */
const allowed: Record<string, readonly string[]> = {
  collector: [],
  proxy: ["collector"],
  analytics: ["collector"],
  alerts: ["collector", "analytics"],
  dashboards: ["collector", "analytics", "alerts"],
};

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && /\.tsx?$/.test(e.name) && !e.parentPath.includes("node_modules") && !e.parentPath.includes(join("web", "dist")))
    .map((e) => join(e.parentPath, e.name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g)].map((m) => resolve(dirname(file), m[1] ?? ""));
}

for (const [folder, others] of Object.entries(allowed)) {
  test(`${folder}/ imports only itself${others.length ? `, ${others.join(", ")}` : ""}`, () => {
    const wrong: string[] = [];
    for (const file of sources(folder)) {
      for (const target of importsOf(file)) {
        const top = relative(root, target).split("/")[0] ?? "";
        if (top !== folder && !others.includes(top)) wrong.push(`${relative(root, file)} imports ${relative(root, target)}`);
      }
    }
    expect(wrong).toEqual([]);
  });
}

test("process.env is read by the entry file and by tests alone", () => {
  const readers = Object.keys(allowed)
    .flatMap(sources)
    .filter((file) => /process\.env\b/.test(readFileSync(file, "utf8")))
    .map((file) => relative(root, file));
  expect(readers).toEqual([]);
});

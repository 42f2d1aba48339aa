import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";
import { securityHeaders } from "./security.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".map": "application/json",
};

export const packagedWebDir = fileURLToPath(new URL("./web/dist", import.meta.url));

/**
 * Serves the built console: the files are read once, so no request names a path of the disk. Every other path gets the
 * page, whose router decides. Without built files a page says how to build them, and the API works all the same.
 */
export function serveConsole(app: FastifyInstance, dir: string): void {
  const files = load(dir);
  const page = files.get("index.html")?.toString("utf8");

  app.get("/assets/*", (request, reply) => {
    const name = decodeURIComponent(request.url.split("?")[0]!.slice(1));
    const body = files.get(name);
    if (!body) return reply.code(404).send({ error: "no such file" });
    // Names hold a digest of the content.
    return reply.header("cache-control", "public, max-age=31536000, immutable").type(types[extname(name)] ?? "application/octet-stream").send(body);
  });

  app.setNotFoundHandler((request, reply) => {
    if (request.method !== "GET" || request.url.startsWith("/api/")) return reply.code(404).send({ error: "no such address" });
    const nonce = randomBytes(16).toString("base64");
    reply.headers(securityHeaders(nonce)).header("cache-control", "no-store").type(types[".html"]!);
    if (page === undefined) return reply.code(503).send(missing);
    return reply.send(page.replaceAll("__NONCE__", nonce));
  });
}

const missing = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Signalbox</title>
<h1>The console is not built</h1><p>Its pages are missing from this installation. In a checkout, <code>npm start</code> builds them.
The API below <code>/api/</code> works.</p></html>`;

function load(dir: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  if (!existsSync(dir)) return files;
  for (const name of readdirSync(dir, { recursive: true }) as string[]) {
    const path = join(dir, name);
    if (statSync(path).isFile() && !name.endsWith(".map")) files.set(relative(dir, path).replaceAll("\\", "/"), readFileSync(path));
  }
  return files;
}

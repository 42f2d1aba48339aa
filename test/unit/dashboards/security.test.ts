import { fastify } from "fastify";
import { expect, it } from "vitest";
import { guardRequests, securityHeaders } from "../../../dashboards/security.ts";
import { serveConsole } from "../../../dashboards/static.ts";

function app() {
  const a = fastify();
  guardRequests(a, ["console.example.com"]);
  a.get("/x", async () => ({ ok: true }));
  a.post("/x", async () => ({ ok: true }));
  return a;
}

it.each([
  ["a loopback name", { host: "localhost:7080" }, 200],
  ["a loopback address", { host: "127.0.0.1:7080" }, 200],
  ["the IPv6 loopback", { host: "[::1]:7080" }, 200],
  ["an allowed name", { host: "console.example.com" }, 200],
  ["a name that was rebound", { host: "evil.example:7080" }, 403],
  ["a name that only begins like loopback", { host: "127.0.0.1.evil.example" }, 403],
])("reading is judged by its Host: %s", async (_, headers, status) => expect((await app().inject({ url: "/x", headers })).statusCode).toBe(status));

const own = { host: "127.0.0.1:7080", "x-signalbox-console": "1" };
it.each([
  ["the console's own page", { ...own, origin: "http://127.0.0.1:7080", "sec-fetch-site": "same-origin" }, 200],
  ["a program", own, 200],
  ["another site's page", { ...own, origin: "http://evil.example" }, 403],
  ["another port of this machine", { ...own, origin: "http://127.0.0.1:9999" }, 403],
  ["a sandboxed page", { ...own, origin: "null" }, 403],
  ["a form", { host: "127.0.0.1:7080", origin: "http://127.0.0.1:7080" }, 403],
  ["a cross-site request", { ...own, "sec-fetch-site": "cross-site" }, 403],
])("a change is accepted or refused from %s", async (_, headers, status) => expect((await app().inject({ method: "POST", url: "/x", headers })).statusCode).toBe(status));

it("the policy allows no inline script and no other origin", () => {
  const csp = securityHeaders("n")["content-security-policy"]!;
  expect(csp).toContain("script-src 'self';");
  expect(csp).not.toMatch(/unsafe-eval|https?:|\*/);
});

it("missing pages say how to build them, and the rest goes on", async () => {
  const a = fastify();
  serveConsole(a, "/nowhere/at/all");
  const response = await a.inject({ url: "/calls" });
  expect(response.statusCode).toBe(503);
  expect(response.body).toContain("The console is not built");
  expect((await a.inject({ url: "/assets/none.js" })).statusCode).toBe(404);
  expect((await a.inject({ url: "/api/none" })).statusCode).toBe(404);
});

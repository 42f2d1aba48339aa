import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { ControlPlane } from "../../../proxy/control-plane.ts";
import { loadControlPlane } from "../../../proxy/load-control-plane.ts";
import { watchControlPlane } from "../../../proxy/watch-control-plane.ts";
import { httpServer, startProxyApp, type TestProxy } from "../../support/proxy-app.ts";
import { waitFor } from "../../support/wait.ts";

let proxy: TestProxy | undefined;
let dir: string | undefined;
afterEach(async () => {
  await proxy?.stop();
  if (dir) rmSync(dir, { recursive: true, force: true });
  proxy = dir = undefined;
});

interface Listing {
  readonly servers: readonly { readonly server: { readonly name: string; readonly remotes: readonly { readonly url: string }[] } }[];
}

test("the proxy lists its servers under the address that it listens on, and a call to that address reaches the relay", async () => {
  proxy = await startProxyApp({ servers: [httpServer("http://127.0.0.1:9/mcp", { description: "A fixture." })], config: { port: 0 } });
  const { servers } = (await (await fetch(`${proxy.baseUrl}/v0.1/servers`)).json()) as Listing;
  expect(servers).toHaveLength(1);
  expect(servers[0]!.server).toMatchObject({ name: "localhost/fixture", remotes: [{ url: `${proxy.baseUrl}/mcp/fixture` }] });
  expect((await fetch(servers[0]!.server.remotes[0]!.url, { method: "POST" })).status).toBe(401);
});

test("a name that somebody points at the proxy's address learns nothing", async () => {
  proxy = await startProxyApp({ servers: [httpServer("http://127.0.0.1:9/mcp")] });
  const status = await new Promise<number>((resolve, reject) => {
    request(`${proxy!.baseUrl}/v0.1/servers`, { headers: { host: "rebound.example.net" } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
  expect(status).toBe(403);
});

test("another contact in people.yaml comes into force while the proxy runs, and a broken file does not", async () => {
  dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  for (const folder of ["registry", "policies"]) mkdirSync(join(dir, folder));
  const people = (contact: string) => writeFileSync(join(dir!, "people.yaml"), `people:\n  - { id: ana, name: Ana, contact: ${contact} }\n`);
  people("ana@example.com");
  writeFileSync(join(dir, "registry/tickets.yaml"), "name: tickets\nowner: ana\nendpoint: { transport: stdio, command: x }\n");
  writeFileSync(join(dir, "keys.yaml"), "keys: []\n");
  const files = { registryDir: join(dir, "registry"), policyDir: join(dir, "policies"), keysFile: join(dir, "keys.yaml"), dataDir: dir };
  let plane: ControlPlane = loadControlPlane(files);
  const refused: string[] = [];
  const watching = watchControlPlane(files, { current: plane, onChange: (next) => void (plane = next), onRefused: (_part, problems) => void refused.push(problems[0]!.message), pollMs: 50 });
  try {
    const contact = () => plane.registry.servers.get("tickets")!.contact;
    expect(contact()).toBe("ana@example.com");
    people("ana@example.org");
    await waitFor("the new contact", () => contact() === "ana@example.org");
    writeFileSync(join(dir, "people.yaml"), "people: []\n");
    await waitFor("the refusal", () => refused.length > 0);
    expect(refused[0]).toContain('no person or team has the id "ana"');
    expect(contact()).toBe("ana@example.org");
  } finally {
    await watching.stop();
  }
});

import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { resolveCommand } from "../../../proxy/registry/resolve-command.ts";
import { endpointSchema, type Endpoint } from "../../../proxy/registry/server-entry.ts";

const stdio = (over: object) => endpointSchema.parse({ transport: "stdio", command: "tool", ...over }) as Extract<Endpoint, { transport: "stdio" }>;
const context = { dataDir: "/data", env: { PATH: "/bin", HOME: "/home/a", UPSTREAM_TOKEN: "t0ken", OTHER: "x" } };

describe("the command of a stdio server", () => {
  it("is run as it is named", () => {
    expect(resolveCommand(stdio({ args: ["-v"] }), context)).toEqual({ command: "tool", args: ["-v"], env: { PATH: "/bin", HOME: "/home/a" } });
  });

  it("gets the values of placeholders in arguments and environment, and nothing else of the proxy's environment", () => {
    const { args, env } = resolveCommand(stdio({ args: ["${dataDir}/x"], env: { TOKEN: "${env:UPSTREAM_TOKEN}" } }), context);
    expect(args).toEqual(["/data/x"]);
    expect(env).toEqual({ PATH: "/bin", HOME: "/home/a", TOKEN: "t0ken" });
  });

  it("does not expand a value twice", () => {
    const tricky = { ...context, env: { ...context.env, UPSTREAM_TOKEN: "${env:OTHER}" } };
    expect(resolveCommand(stdio({ env: { TOKEN: "${env:UPSTREAM_TOKEN}" } }), tricky).env.TOKEN).toBe("${env:OTHER}");
  });

  it("is refused, by the variable's name, where the environment lacks it", () => {
    expect(() => resolveCommand(stdio({ env: { TOKEN: "${env:MISSING}" } }), context)).toThrow("the environment variable MISSING is not set");
  });

  it("is the script of an installed package, run by this Node", () => {
    const { command, args } = resolveCommand(stdio({ command: "node:@modelcontextprotocol/server-memory", args: ["a"] }), context);
    expect(command).toBe(process.execPath);
    expect(args[0]).toMatch(/server-memory.*\.js$/);
    expect(existsSync(args[0]!)).toBe(true);
    expect(args[1]).toBe("a");
  });

  it.each(["not-installed-anywhere", "../escape"])("is refused when the package %s is not installed", (name) => {
    expect(() => resolveCommand(stdio({ command: `node:${name}` }), context)).toThrow(`the package ${name} is not installed`);
  });

  it("is refused when the package has no command", () => {
    expect(() => resolveCommand(stdio({ command: "node:zod" }), context)).toThrow("the package zod has no command of its own");
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectCall, inspectTools } from "../support/inspector.ts";
import { startFixture } from "../support/mcp-fixture.ts";
import { startProxyFor, type RunningProxy } from "../support/proxy.ts";

describe("the MCP Inspector through the proxy", () => {
  let fixture: Awaited<ReturnType<typeof startFixture>>;
  let server: RunningProxy;
  beforeAll(async () => {
    fixture = await startFixture();
    server = await startProxyFor(fixture.url);
  });
  afterAll(async () => {
    await server.stop();
    await fixture.stop();
  });

  describe.each(["legacy", "modern", "auto"] as const)("in the %s era", (era) => {
    const target = () => ({ url: server.url, headers: server.headers, era });

    it("lists the tools", async () => {
      const { exitCode, result } = await inspectTools(target());
      expect(exitCode).toBe(0);
      const names = (result?.["tools"] as { name: string }[]).map((tool) => tool.name);
      expect(names).toEqual(expect.arrayContaining(["echo", "test_simple_text"]));
    });

    it("calls a tool and gets back what it sent", async () => {
      const { exitCode, result } = await inspectCall(target(), "echo", { text: "up main line, clear" });
      expect(exitCode).toBe(0);
      expect(result?.["content"]).toEqual([{ type: "text", text: "up main line, clear" }]);
    });

    it("shows a tool's own failure as an error result", async () => {
      const { exitCode, result, error } = await inspectCall(target(), "test_error_handling");
      expect(exitCode).toBe(5);
      expect(result?.["isError"]).toBe(true);
      expect(error?.code).toBe("tool_is_error");
    });
  });
});

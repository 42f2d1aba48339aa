import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { entry } from "../../support/stack.ts";

test("a command whose output nobody reads any more ends without a word", async () => {
  const child = spawn(process.execPath, [entry, "registry", "check"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
});

import type { Readable, Writable } from "node:stream";
import { Lines } from "../lines.ts";
import { ClientBridge, type BridgeOptions } from "../bridge/client-bridge.ts";

/** The longest line that a client may send; the proxy has its own, smaller limit. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

export interface RunOptions extends Pick<BridgeOptions, "endpoint" | "tell"> {
  readonly input: Readable;
  readonly output: Writable;
  /** Resolves when it is time to go, whatever is under way. */
  readonly stopped: Promise<void>;
}

/** Runs until the client closes its end and has its answers, or until `stopped`. */
export async function runBridge({ endpoint, tell, input, output, stopped }: RunOptions): Promise<void> {
  const bridge = new ClientBridge({ endpoint, tell, write: writer(output) });
  let over = false;
  const leave = (): void => {
    if (over) return;
    over = true;
    bridge.abort();
    input.destroy();
  };
  // Nobody reads any more: a client that was killed leaves no other sign.
  output.on("error", leave);
  void stopped.then(leave);
  try {
    await readLines(input, (line) => bridge.receive(line));
  } catch (error) {
    if (!over) tell(`the client's input can't be read any further: ${error instanceof Error ? error.message : String(error)}`);
  }
  await bridge.end();
  over = true;
  output.off("error", leave);
  output.on("error", () => undefined);
}

async function readLines(input: Readable, take: (line: Buffer) => Promise<void>): Promise<void> {
  const waiting: Buffer[] = [];
  const lines = new Lines(MAX_LINE_BYTES, (line) => void waiting.push(line));
  for await (const chunk of input as AsyncIterable<Buffer>) {
    lines.push(chunk);
    for (const line of waiting.splice(0)) await take(line);
  }
}

/** Resolves when the stream has room again, so that a client that reads slowly is not read for ahead of itself. */
function writer(output: Writable): BridgeOptions["write"] {
  return (line) =>
    new Promise((resolve) => {
      if (output.destroyed || output.write(line)) return resolve();
      const done = (): void => {
        output.off("drain", done).off("close", done).off("error", done);
        resolve();
      };
      output.on("drain", done).on("close", done).on("error", done);
    });
}

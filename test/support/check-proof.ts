import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("check-proof.mjs", import.meta.url));

/** What the script that knows nothing of Signalbox says of a proof; rejects with its reason where the proof does not hold. */
export function checkIndependently(file: string, publicKey: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [SCRIPT, file, publicKey], (error, stdout, stderr) => (error ? reject(new Error(/Error: (.*)/.exec(stderr)?.[1] || stderr)) : resolve(stdout.trim())));
  });
}

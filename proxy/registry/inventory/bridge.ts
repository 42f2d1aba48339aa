export interface Bridged {
  readonly bridge: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sse: boolean;
}

/** `mcp-remote <url>`, however it is started: the server is at the URL, and the program only carries messages there. */
export function bridgedTo(command: string, args: readonly string[]): Bridged | undefined {
  const words = [command.replace(/^.*[\\/]/, "").replace(/\.(?:exe|cmd)$/i, ""), ...args];
  const at = words.findIndex((word) => /^mcp-remote(?:@[\w.-]+)?$/.test(word));
  const rest = at === -1 ? [] : words.slice(at + 1);
  const url = rest.find((word) => /^https?:\/\//.test(word));
  if (url === undefined) return undefined;
  const transport = rest[rest.indexOf("--transport") + 1] ?? "";
  const sse = rest.includes("--transport") ? transport.startsWith("sse") : /\/sse\/?(?:\?|$)/.test(url);
  return { bridge: "mcp-remote", url, headers: headersIn(rest), sse };
}

/** `--header "Name: value"`, or `Name:value`, which Windows needs. */
function headersIn(args: readonly string[]): Record<string, string> {
  const texts = args.filter((_, i) => args[i - 1] === "--header");
  return Object.fromEntries(texts.map((text) => /^([A-Za-z0-9-]{1,64}):\s*(.*)$/s.exec(text)).flatMap((m) => (m ? [[m[1]!, m[2]!]] : [])));
}

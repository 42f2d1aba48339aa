/** Paths that are remembered: a tool's arguments have few, but their names are the caller's choice. */
const MAX_PATHS = 2048;
const paths = new Map<string, string>();

/** The path of an argument as JSON text. The same few come with every call of a tool. */
export function quotedPath(path: string): string {
  let text = paths.get(path);
  if (text !== undefined) return text;
  text = JSON.stringify(path);
  if (paths.size >= MAX_PATHS) paths.clear();
  paths.set(path, text);
  return text;
}

/** Text as JSON text. Most of a record's is plain, which one look at its characters tells. */
export function quoted(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return JSON.stringify(text);
  }
  return `"${text}"`;
}

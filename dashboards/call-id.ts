/** `<producer>-<seq>`; the producer may hold hyphens itself. Null for anything else. */
export function parseCallId(id: string): { producer: string; seq: string } | null {
  const match = /^(.{1,200})-([1-9]\d{0,18})$/.exec(id);
  return match ? { producer: match[1]!, seq: match[2]! } : null;
}

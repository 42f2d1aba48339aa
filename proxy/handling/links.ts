export interface ShownLinks {
  /** The text, in which a link that deceives is followed by where it leads. */
  readonly text: string;
  readonly count: number;
}

/** [text](target "title") and <a href="target">text</a>; each part is bounded, and none can hold the other's sign. */
const MARKDOWN = /\[([^\[\]\n]{1,512})\]\(\s{0,4}<?([^\s()<>]{1,2048})>?(?:\s+["'][^"'\n]{0,256}["'])?\s{0,4}\)/g;
const HTML = /<a\s(?:[^<>]{0,512}?\s)?href\s{0,4}=\s{0,4}(?:"([^"<>]{1,2048})"|'([^'<>]{1,2048})'|([^\s"'<>]{1,2048})(?=[\s>]))[^<>]{0,512}>([^<]{1,512})<\/a\s{0,4}>/gi;
const PLACE = /(?:[a-z][a-z0-9+.-]{1,15}:\/\/|www\.)?((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})(?![\w.-]*@)/i;
const SCRIPT = /^\s*(?:javascript|data|vbscript):/i;

/** Null where no link deceives: its text names another host than it leads to, or it runs a program. */
export function showLinks(text: string): ShownLinks | null {
  let count = 0;
  const shown = (link: string, label: string, target: string): string => {
    if (!deceives(label, target)) return link;
    count++;
    return `${link}⟦leads to ${destination(target)}⟧`;
  };
  const out = text
    .replace(MARKDOWN, (link, label: string, target: string) => shown(link, label, target))
    .replace(HTML, (link, double: string | undefined, single: string | undefined, bare: string | undefined, label: string) => shown(link, label, double ?? single ?? bare ?? ""));
  return count === 0 ? null : { text: out, count };
}

/** Endings of files, which look like hosts. */
const FILE = /\.(?:md|txt|js|ts|py|rs|go|json|ya?ml|html?|css|sh|java|rb|c|h|cpp|toml|lock|pdf|png|jpe?g|svg|csv|xml|zip|gz)$/i;

function deceives(label: string, target: string): boolean {
  if (SCRIPT.test(target)) return true;
  const leads = hostOf(target);
  const named = PLACE.exec(label);
  if (leads === null || named === null) return false;
  const says = named[1]!.toLowerCase().replace(/^www\./, "");
  if (FILE.test(says) && !/^\s*(?:https?:|www\.)/i.test(label)) return false;
  return leads !== says && !leads.endsWith(`.${says}`) && !says.endsWith(`.${leads}`);
}

function hostOf(target: string): string | null {
  if (!/^[a-z][a-z0-9+.-]{0,15}:\/\//i.test(target) && !target.startsWith("//")) return null;
  try {
    return new URL(target.startsWith("//") ? `https:${target}` : target).hostname.toLowerCase().replace(/^www\./, "");
  } catch {
    return null;
  }
}

/** Where it leads, without what a link carries away. */
function destination(target: string): string {
  const host = hostOf(target);
  return host === null ? target.slice(0, 40).replace(/[^\x20-\x7e]|[⟦⟧]/g, "?") : host;
}

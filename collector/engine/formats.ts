/** `Content-Type` by output format; anything else is sent as bytes. */
export function contentType(format: string): string {
  if (/^(JSON|JSONCompact|JSONStrings|JSONCompactStrings|JSONColumns\w*|JSONObjectEachRow|PrettyJSON\w*)$/.test(format)) {
    return "application/json; charset=UTF-8";
  }
  if (/^(JSON\w*EachRow\w*|JSONLines|NDJSON)$/.test(format)) return "application/x-ndjson; charset=UTF-8";
  if (/^CSV/.test(format)) return "text/csv; charset=UTF-8; header=absent";
  if (/^(TabSeparated|TSV|TSKV)/.test(format)) return "text/tab-separated-values; charset=UTF-8";
  if (/^XML$/.test(format)) return "application/xml; charset=UTF-8";
  if (/^(Pretty|Values|Vertical|Markdown)/.test(format)) return "text/plain; charset=UTF-8";
  return "application/octet-stream";
}

export function isFormatName(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(text);
}

/** What `--format` takes, and ClickHouse's name for it. */
export const sqlFormats = {
  table: "PrettyCompactMonoBlock",
  vertical: "Vertical",
  json: "JSONEachRow",
  csv: "CSVWithNames",
  tsv: "TSVWithNames",
} as const;

export type SqlFormat = keyof typeof sqlFormats;

/** The others are for programs, which need every byte as it is. */
export function isForPeople(format: SqlFormat): boolean {
  return format === "table" || format === "vertical";
}

/** Takes ClickHouse's own names too: `JSONEachRow` is `json`. */
export function parseSqlFormat(text: string): SqlFormat | undefined {
  const wanted = text.toLowerCase();
  const names = Object.keys(sqlFormats) as SqlFormat[];
  return names.find((name) => name === wanted || sqlFormats[name].toLowerCase() === wanted);
}

import { tokenize } from "./tokens.ts";

/**
 * The first question of ClickHouse's Go client, `SELECT displayName(), version(), revision(), timezone()`, whose answer it
 * reads as a Native block of its own protocol version and not of version 0, in which the engine writes. It reads all later
 * blocks at the revision that stands in this answer. So the front answers this one question itself, and says 0.
 */
const HELLO = ["SELECT", "DISPLAYNAME", "VERSION", "REVISION", "TIMEZONE"];

/** From here on a block begins with information about itself, and a column has a flag after its type. */
const REVISION_WITH_BLOCK_INFO = 1;
const REVISION_WITH_CUSTOM_SERIALIZATION = 54454;

export function isHello(sql: string): boolean {
  if (sql.length > 200) return false;
  const words = tokenize(sql).filter((token) => token.kind === "word");
  return words.length === HELLO.length && words.every((word, i) => word.text === HELLO[i]);
}

/** Every text in it is shorter than 128 bytes, so that its length is one byte. */
export function helloBlock(about: { name: string; version: string; timezone: string }, revision: number): Buffer {
  const flag = revision >= REVISION_WITH_CUSTOM_SERIALIZATION ? [Buffer.of(0)] : [];
  const column = (name: string, type: string, value: Buffer): Buffer[] => [text(name), text(type), ...flag, value];
  // Field 1, is_overflows: no. Field 2, bucket_num: none (-1). Field 0 ends them.
  const info = revision >= REVISION_WITH_BLOCK_INFO ? [Buffer.of(1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0)] : [];
  const [columns, rows] = [4, 1];
  return Buffer.concat([
    ...info,
    Buffer.of(columns, rows),
    ...column("displayName()", "String", text(about.name)),
    ...column("version()", "String", text(about.version)),
    ...column("revision()", "UInt32", Buffer.alloc(4)),
    ...column("timezone()", "String", text(about.timezone)),
  ]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value).subarray(0, 127);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

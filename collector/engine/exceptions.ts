/** ClickHouse's numbers for the errors that the front itself raises. */
export const CODE = {
  CANNOT_READ_ALL_DATA: 33,
  BAD_ARGUMENTS: 36,
  CHECKSUM_DOESNT_MATCH: 40,
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  UNKNOWN_COMPRESSION_METHOD: 89,
  UNKNOWN_SETTING: 115,
  TOO_LARGE_SIZE_COMPRESSED: 131,
  READONLY: 164,
  TIMEOUT_EXCEEDED: 159,
  QUERY_IS_TOO_LARGE: 223,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: 216,
  NOT_ENOUGH_SPACE: 243,
  CORRUPTED_DATA: 246,
  CANNOT_DECOMPRESS: 271,
  SESSION_NOT_FOUND: 372,
  SESSION_IS_LOCKED: 373,
  INVALID_SESSION_TIMEOUT: 374,
  QUERY_WAS_CANCELLED: 394,
  TOO_MANY_ROWS_OR_BYTES: 396,
  ACCESS_DENIED: 497,
  AUTHENTICATION_FAILED: 516,
  UNKNOWN_EXCEPTION: 1002,
} as const;

export type CodeName = keyof typeof CODE;

/** An error as ClickHouse reports it over HTTP: a code, its name, and one text. */
export class EngineException extends Error {
  readonly code: number;

  /** `text` is the whole line, `Code: N. DB::Exception: ... (NAME)`. */
  constructor(code: number, text: string) {
    super(text);
    this.name = "EngineException";
    this.code = code;
  }

  /** An error of the front's own making. */
  static of(name: CodeName, message: string): EngineException {
    return new EngineException(CODE[name], `Code: ${CODE[name]}. DB::Exception: ${message} (${name})`);
  }
}

/** Whatever the addon rejected with. It repeats "Code: N. DB::Exception:" for errors that it wrapped; once is enough. */
export function toException(error: unknown): EngineException {
  if (error instanceof EngineException) return error;
  const text = (error instanceof Error ? error.message : String(error)).trim();
  const match = /Code:\s*(\d+)\. DB::Exception: /.exec(text);
  if (!match) {
    return EngineException.of("UNKNOWN_EXCEPTION", text);
  }
  const code = Number(match[1]);
  const head = `Code: ${code}. DB::Exception: `;
  let body = text.slice(match.index + match[0].length);
  while (body.startsWith(head)) body = body.slice(head.length);
  return new EngineException(code, head + body);
}

const STATUS = new Map<number, number>(
  (
    [
      // As in ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp.
      [401, [194]],
      [403, [192, 193, 516, 497, 512]],
      [
        400,
        [
          36, 427, 6, 25, 26, 38, 41, 72, 441, 675, 676, 27, 376, 15, 44, 8, 91, 188, 168, 169, 170, 62, 117, 53, 321,
        ],
      ],
      [404, [60, 46, 47, 50, 56, 81, 115, 106, 63, 73, 336, 78, 511, 372]],
      [413, [223]],
      [501, [48]],
      [503, [209, 76, 439]],
      [411, [381]],
      [408, [159]],
      [415, [728]],
    ] as const
  ).flatMap(([status, codes]) => codes.map((code): [number, number] => [code, status])),
);

/** The HTTP status that ClickHouse answers with for an error code. */
export function httpStatus(code: number): number {
  return STATUS.get(code) ?? 500;
}

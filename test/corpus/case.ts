/** One input of the corpus and, where it becomes rows, what they must hold. */
interface CorpusCase {
  readonly id: string;
}

/** A case that is the body of one event. */
export interface EventCase extends CorpusCase {
  readonly hub: 'json' | 'csv' | 'avro';
  readonly body: Buffer;
  /** A table of the case's own, for rows that have no place for its id; columns c0, c1, … */
  readonly ownColumns?: number;
  /** What the columns `value` and `record` (json), `s` (shared csv), or c0, c1, … (own table) must hold, by row. */
  readonly rows?: readonly (readonly (string | undefined)[])[];
}

/** A case that is the body of one request. */
export interface HttpCase extends CorpusCase {
  readonly format: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes by an upload link. */
  readonly upload?: 'given' | 'missing';
  /** Pieces as they are written to the socket; made anew for each use. */
  readonly body: () => Iterable<Buffer>;
  /** Ends the connection after the last piece, without the end of the body. */
  readonly cutOff?: boolean;
  /** The `value` column of every row, in any order. */
  readonly values?: readonly string[];
}

/** What a case must end as; `either` only where the suite itself leaves the answer open. */
export type Expectation =
  | 'either'
  /** Nothing was taken and nobody was told, because the caller went away. */
  | 'nothing'
  /** The answer to the caller is a refusal with this code; nothing of the body was taken. */
  | { readonly refused: string }
  | {
      readonly rows?: number;
      readonly deadLetter?: string;
      /** Dead letters with that code. Default 1. */
      readonly letters?: number;
    };

/** What became of a case. */
export interface Outcome {
  readonly rows: number;
  readonly letters: readonly { readonly code: string; readonly intact: boolean }[];
  /** Code of the refusal. */
  readonly refused?: string;
  /** Rows or letters that differ from what was sent. */
  readonly differences: readonly string[];
}

/** JSON without the white space between its tokens, everything else as it is spelled. */
export function minify(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, '$1');
}

import type { Steps } from '../slices.js';
import { every, joinMasks } from './concat-parts.js';
import type { StoreColumn } from './store-column.js';
import { isTooVaried } from './text-builder.js';
import { DictionaryColumn, newCodes, TextColumn } from './text-columns.js';

/** Texts handled between two steps. */
const TEXTS_PER_STEP = 16_384;

type TextPart = DictionaryColumn | TextColumn;

interface Merged {
  readonly dictionary: readonly string[];
  /** From the codes of a part's dictionary to those of the merged one. */
  readonly codesOf: ReadonlyMap<readonly string[], Uint32Array>;
}

/** Rows by dictionary: slices of one column share theirs, which is then read once. */
function rowsByDictionary(parts: readonly DictionaryColumn[]): ReadonlyMap<readonly string[], number> {
  const rows = new Map<readonly string[], number>();
  for (const { dictionary, length } of parts) rows.set(dictionary, (rows.get(dictionary) ?? 0) + length);
  return rows;
}

/** One dictionary for all parts; `undefined` when so few texts repeat that it is not worth its while. */
function* mergeDictionaries(parts: readonly DictionaryColumn[]): Steps<Merged | undefined> {
  const dictionary: string[] = [];
  const index = new Map<string, number>();
  const codesOf = new Map<readonly string[], Uint32Array>();
  let rowsRead = 0;
  for (const [texts, rows] of rowsByDictionary(parts)) {
    const codes = new Uint32Array(texts.length);
    codesOf.set(texts, codes);
    for (let code = 0; code < codes.length; code++) {
      const text = texts[code]!;
      let to = index.get(text);
      if (to === undefined) {
        to = dictionary.length;
        index.set(text, to);
        dictionary.push(text);
      }
      codes[code] = to;
      if (code % TEXTS_PER_STEP === 0) yield;
    }
    rowsRead += rows;
    if (isTooVaried(dictionary.length, rowsRead)) return undefined;
  }
  return { dictionary, codesOf };
}

function* mergedCodes(parts: readonly DictionaryColumn[], rows: number, { dictionary, codesOf }: Merged) {
  const codes = newCodes(rows, dictionary.length);
  let at = 0;
  for (const part of parts) {
    const map = codesOf.get(part.dictionary)!;
    for (let i = 0; i < part.codes.length; i++) codes[at++] = map[part.codes[i]!]!;
    yield;
  }
  return codes;
}

function* plainTexts(parts: readonly TextPart[], rows: number): Steps<string[]> {
  const values: string[] = new Array(rows);
  let at = 0;
  for (const part of parts) {
    if (part instanceof TextColumn) for (const text of part.values) values[at++] = text;
    else for (let i = 0; i < part.codes.length; i++) values[at++] = part.dictionary[part.codes[i]!]!;
    yield;
  }
  return values;
}

/** Text columns one after another: with a dictionary where texts repeat, plain otherwise. */
export function* concatTexts(parts: readonly StoreColumn[], rows: number): Steps<StoreColumn | undefined> {
  const texts = every(parts, (c) => c instanceof DictionaryColumn || c instanceof TextColumn);
  if (texts === undefined) return undefined;
  const { type } = texts[0]!;
  const dictionaries = every(texts, (c) => c instanceof DictionaryColumn);
  const merged = dictionaries && (yield* mergeDictionaries(dictionaries));
  if (dictionaries === undefined || merged === undefined) {
    return new TextColumn(type, yield* plainTexts(texts, rows), joinMasks(parts, rows));
  }
  const codes = yield* mergedCodes(dictionaries, rows, merged);
  return new DictionaryColumn(type, codes, merged.dictionary, joinMasks(parts, rows));
}

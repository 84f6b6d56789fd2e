import type { StoreColumnBuilder } from './builders.js';
import { newMask, setNull } from './null-mask.js';
import type { StoreColumn } from './store-column.js';
import { DictionaryColumn, newCodes, TextColumn, type TextType } from './text-columns.js';
import type { Cell, Dynamic } from './types.js';

const FIRST_CAPACITY = 64;
/** From this many distinct values on, a dictionary larger than half the rows is given up. */
const SMALLEST_PLAIN = 8192;

/** Whether a dictionary of that many texts is not worth its while for that many rows. */
export function isTooVaried(texts: number, rows: number): boolean {
  return texts > SMALLEST_PLAIN && texts * 2 > rows;
}

/** V8 copies shorter slices; a longer one keeps the whole text it was cut from alive. */
const SHORTEST_SHARED_SLICE = 13;

/** The text without a tie to the large text it may be a slice of. */
function owned(text: string): string {
  return text.length < SHORTEST_SHARED_SLICE ? text : ` ${text}`.slice(1);
}

/** Builds strings or dynamics: a dictionary as long as values repeat, plain text afterwards. */
export class TextBuilder implements StoreColumnBuilder {
  readonly type: TextType;
  length = 0;
  private index: Map<string, number> | undefined = new Map();
  private dictionary: string[] = [];
  private codes = new Uint32Array(FIRST_CAPACITY);
  private plain: string[] = [];
  private nullRows: number[] = [];

  constructor(type: TextType) {
    this.type = type;
  }

  append(cell: Cell): void {
    if (cell === null) this.appendNull();
    else this.appendText(this.type === 'string' ? (cell as string) : (cell as Dynamic).text);
  }

  appendNull(): void {
    if (this.type === 'dynamic') this.nullRows.push(this.length);
    this.appendText('');
  }

  /** A string, or the JSON text of a dynamic. */
  appendText(text: string): void {
    if (this.index === undefined) {
      this.plain.push(owned(text));
      this.length++;
      return;
    }
    let code = this.index.get(text);
    if (code === undefined) {
      code = this.dictionary.length;
      const own = owned(text);
      this.dictionary.push(own);
      this.index.set(own, code);
    }
    if (this.length === this.codes.length) {
      const codes = new Uint32Array(this.length * 2);
      codes.set(this.codes);
      this.codes = codes;
    }
    this.codes[this.length++] = code;
    if (isTooVaried(this.dictionary.length, this.length)) this.giveUpDictionary();
  }

  private giveUpDictionary(): void {
    const plain: string[] = new Array(this.length);
    for (let i = 0; i < this.length; i++) plain[i] = this.dictionary[this.codes[i]!]!;
    this.plain = plain;
    this.index = undefined;
    this.dictionary = [];
    this.codes = new Uint32Array(0);
  }

  finish(): StoreColumn {
    const nulls = this.nullRows.length === 0 ? undefined : newMask(this.length);
    if (nulls !== undefined) for (const row of this.nullRows) setNull(nulls, row);
    if (this.index === undefined) return new TextColumn(this.type, this.plain.slice(), nulls);
    const codes = newCodes(this.length, this.dictionary.length);
    codes.set(this.codes.subarray(0, this.length));
    return new DictionaryColumn(this.type, codes, this.dictionary.slice(), nulls);
  }
}

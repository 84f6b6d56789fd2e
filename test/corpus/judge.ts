import { readFileSync } from 'node:fs';
import { type EventCase, type Expectation, type HttpCase, minify, type Outcome } from './case.js';
import { type Letter, type Observation, operationOf } from './observe.js';
import type { HttpAnswer } from './send-http.js';

const file = new URL('../../../test/corpus/expectations.json', import.meta.url);

/** Expectations by id; a key that ends with * stands for every id that begins so. */
export function readExpectations(): Map<string, Expectation> {
  return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Expectation>));
}

/** The key that decides for an id: itself, or the longest one with a star. */
export function keyFor(expectations: ReadonlyMap<string, Expectation>, id: string): string | undefined {
  if (expectations.has(id)) {
    return id;
  }
  const stars = [...expectations.keys()].filter(
    (key) => key.endsWith('*') && id.startsWith(key.slice(0, -1)),
  );
  return stars.sort((a, b) => b.length - a.length)[0];
}

const short = (text: string | undefined): string => JSON.stringify(text?.slice(0, 80)) ?? 'nothing';

function rowDifference(
  one: EventCase,
  row: readonly string[],
  wanted: readonly (string | undefined)[],
): string | undefined {
  for (const [at, text] of wanted.entries()) {
    const [value, record] = [row[at] as string, at === 1 && one.ownColumns === undefined];
    const same =
      text === undefined ||
      value === text ||
      minify(value) === text ||
      (record && minify(value).startsWith(`${text},"_p":`)) ||
      (record && text === '{' && minify(value).startsWith('{"_p":'));
    if (!same) {
      return `column ${at} holds ${short(value)}, sent was ${short(text)}`;
    }
  }
  return undefined;
}

function letterOutcome(one: EventCase, letter: Letter): Outcome['letters'][number] {
  const intact = letter.index !== undefined || letter.bodyBase64 === one.body.toString('base64');
  return { code: letter.code, intact };
}

export function eventOutcome(one: EventCase, { rows, letters }: Observation): Outcome {
  const found = rows.get(one.id) ?? [];
  const differences: string[] = [];
  if (one.rows !== undefined && found.length === one.rows.length) {
    for (const [at, wanted] of one.rows.entries()) {
      const difference = rowDifference(one, found[at] as readonly string[], wanted);
      if (difference !== undefined) {
        differences.push(`row ${at}: ${difference}`);
      }
    }
  }
  const own = letters.filter(({ properties }) => properties.case === one.id);
  const outcomes = own.map((letter) => letterOutcome(one, letter));
  if (outcomes.some(({ intact }) => !intact)) {
    differences.push('the body of the dead letter is not what was sent');
  }
  return { rows: found.length, letters: outcomes, differences };
}

export function httpOutcome(one: HttpCase, answer: HttpAnswer, { rows, letters }: Observation): Outcome {
  const found = (rows.get(one.id) ?? []).map(([value]) => value as string).sort();
  const differences: string[] = [];
  if (one.values !== undefined) {
    const wanted = [...one.values].sort();
    const at = wanted.findIndex((value, index) => value !== found[index]);
    if (at >= 0) {
      differences.push(`a row holds ${short(found[at])}, sent was ${short(wanted[at])}`);
    }
  }
  const own = letters.filter((letter) => operationOf(letter) === answer.operationId);
  const refused = answer.status >= 400 ? { refused: answer.code ?? `HTTP ${answer.status}` } : {};
  return {
    rows: found.length,
    letters: own.map(({ code }) => ({ code, intact: true })),
    ...refused,
    differences,
  };
}

function describe(outcome: Outcome): string {
  const codes = outcome.letters.map(({ code }) => code);
  const letters =
    codes.length === 0 ? '' : `, dead letters ${[...new Set(codes)].join(' ')} (${codes.length})`;
  return outcome.refused === undefined
    ? `${outcome.rows} rows${letters}`
    : `refused ${outcome.refused}${letters}`;
}

/** Why an outcome is not as expected; undefined when it is. */
export function mismatch(outcome: Outcome, expected: Expectation): string | undefined {
  const { rows, letters, refused } = outcome;
  if (expected === 'either') {
    const one = rows + letters.length > 0 && (rows === 0 || letters.length === 0);
    return one ? undefined : `expected rows or a dead letter, found ${describe(outcome)}`;
  }
  const wanted =
    expected === 'nothing'
      ? { rows: 0, letters: 0 }
      : 'refused' in expected
        ? { ...expected, rows: 0, letters: 0 }
        : expected;
  const code = 'deadLetter' in wanted ? wanted.deadLetter : undefined;
  const count = wanted.letters ?? (code === undefined ? 0 : 1);
  const good =
    rows === (wanted.rows ?? 0) &&
    letters.length === count &&
    letters.every((letter) => letter.code === code) &&
    refused === ('refused' in wanted ? wanted.refused : undefined);
  if (!good) {
    return `expected ${JSON.stringify(expected)}, found ${describe(outcome)}`;
  }
  return outcome.differences[0];
}

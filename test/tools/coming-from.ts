import { existsSync, readFileSync } from 'node:fs';
import { namedTests } from './doc-refs.js';

/**
 * Holds docs/coming-from.md to its word: each test it names ran and passed. Read from the JUnit report of Node's
 * test runner.
 */
export type TestOutcome = 'passed' | 'failed' | 'skipped';

const testCase = /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
};

/** `&amp;` goes first: Node 20 escapes the entities of an attribute once more. */
function plainText(escaped: string): string {
  return escaped
    .replaceAll('&amp;', '&')
    .replace(/&(?:lt|gt|quot|apos);/g, (entity) => entities[entity] as string)
    .replace(/&#(x?)([0-9a-f]+);/gi, (_, hex: string, digits: string) =>
      String.fromCodePoint(Number.parseInt(digits, hex === '' ? 10 : 16)),
    );
}

/** Name → outcomes of every test in the report; several tests may bear one name. */
export function outcomesOf(report: string): ReadonlyMap<string, readonly TestOutcome[]> {
  const outcomes = new Map<string, TestOutcome[]>();
  for (const [, name = '', inside = ''] of report.matchAll(testCase)) {
    const outcome = /<failure\b/.test(inside) ? 'failed' : /<skipped\b/.test(inside) ? 'skipped' : 'passed';
    const key = plainText(name);
    outcomes.set(key, [...(outcomes.get(key) ?? []), outcome]);
  }
  return outcomes;
}

/** What keeps a document's tests from showing what it says. */
export function unshown(document: string, report: string): readonly string[] {
  const outcomes = outcomesOf(report);
  return [...new Set(namedTests(document))].flatMap((name) => {
    const seen = outcomes.get(name);
    if (seen === undefined) {
      return [`"${name}" did not run`];
    }
    return seen.every((outcome) => outcome === 'passed') ? [] : [`"${name}" ${seen.join(' and ')}`];
  });
}

/** Checks a document against the report of a whole run; a run that left no report showed nothing. */
export function checkComingFrom(documentFile: string, reportFile: string): readonly string[] {
  const document = readFileSync(documentFile, 'utf8');
  if (namedTests(document).length === 0) {
    return ['names no test'];
  }
  return unshown(document, existsSync(reportFile) ? readFileSync(reportFile, 'utf8') : '');
}

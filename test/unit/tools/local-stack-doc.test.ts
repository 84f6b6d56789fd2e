import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { COMMANDS } from '../../../local/kusto/commands/all.js';
import { POLICY_KINDS } from '../../../local/kusto/commands/policy-values.js';
import { aggregates } from '../../../local/kusto/query/aggregates/registry.js';
import { siteFunctions } from '../../../local/kusto/query/bind/site-functions.js';
import { builtInFunctions } from '../../../local/kusto/query/functions/registry.js';
import { windowFunctions } from '../../../local/kusto/query/functions/window.js';

const text = readFileSync(new URL('../../../../docs/local-stack.md', import.meta.url), 'utf8');

/** The code names of the line that begins with these words. */
function namesAfter(start: string): string[] {
  const line = text.split('\n').find((one) => one.startsWith(start)) ?? '';
  const list = line.slice(start.length).split('. Of these')[0] ?? '';
  return [...list.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string).sort();
}

test('docs/local-stack.md lists exactly the functions, aggregates and policies of the local Kusto', () => {
  const scalar = [...builtInFunctions.keys(), ...siteFunctions.keys()].sort();
  assert.deepEqual(namesAfter('Scalar functions: '), scalar);
  assert.deepEqual(namesAfter('Window functions: '), [...windowFunctions.keys()].sort());
  assert.deepEqual(namesAfter('Aggregates: '), [...aggregates.keys()].sort());
  assert.deepEqual(namesAfter('Kept, checked and shown: '), Object.keys(POLICY_KINDS).sort());
});

test('docs/local-stack.md lists every command of the local Kusto', () => {
  const block = /```text\n([\s\S]*?)```/.exec(text)?.[1]?.split('\n') ?? [];
  const engine = new Set(COMMANDS.map(({ pattern }) => `.${pattern}`));
  const service = block.filter((line) => line !== '' && !engine.has(line));
  assert.deepEqual(
    [...engine].filter((pattern) => !block.includes(pattern)),
    [],
  );
  assert.deepEqual(service, [
    '.get ingestion resources',
    '.get kusto identity token',
    '.show export containers',
    '.create tempstorage',
    '.refresh database {database} table {table} cache ingestionbatchingpolicy',
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { substituteSettings } from '../../../src/config/settings.js';
import { parseFormat } from '../../../src/formats/kinds.js';
import { formatOf } from '../../../src/functions/http-ingest.js';
import { check, kustoPart } from '../config/fixture.js';
import { createTestIngest, envelope, source } from '../ingest/support.js';

const inherited = ['__proto__', 'constructor', 'toString', 'valueOf'];

test('names that every object inherits are no format, content type, setting or column type', () => {
  for (const name of inherited) {
    assert.throws(() => parseFormat(name), { code: 'FORMAT_UNKNOWN' });
    assert.throws(() => formatOf(new URLSearchParams(), name), { code: 'FORMAT_UNKNOWN' });
    assert.equal(substituteSettings(`%${name}%`, {}).missing.length, 1);
    const { mistakes } = check(
      `${kustoPart}tables: [{ database: D, name: T, columns: { a: "${name}" } }]\nsources: []\n`,
    );
    assert.ok(
      mistakes.some(({ path }) => path.startsWith('tables[0].columns')),
      name,
    );
  }
  assert.equal(Object.isFrozen(Object.prototype), false);
});

test('an event whose property names what every object inherits is a dead letter, and the others go on', async () => {
  const { ingest, sink, deadLetters } = createTestIngest({
    source: source({}, { dynamicAllow: ['Telemetry.*'] }),
  });
  const odd = inherited.map((Format, n) => envelope('{"a":1}', n, { properties: { Format } }));
  await ingest.handle([...odd, envelope('{"b":1}', 9)]);
  assert.deepEqual(sink.lines, ['{"b":1}']);
  assert.deepEqual(
    deadLetters.codes,
    inherited.map(() => 'FORMAT_UNKNOWN'),
  );
});

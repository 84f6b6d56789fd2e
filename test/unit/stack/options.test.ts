import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from '../../../local/stack/options.js';

test('the default ports are the documented ones', () => {
  const options = readOptions([]);
  assert.deepEqual(options.ports, { functions: 7071, kusto: 8080, eventHubs: 5672, storage: 10_000 });
  assert.deepEqual([options.once, options.json, options.only], [false, false, undefined]);
});

test('ports and switches are read', () => {
  const argv = ['--once', '--json', '--only', 'ingest', '--port-functions=0', '--port-storage', '11000'];
  const options = readOptions(argv);
  assert.deepEqual(options.ports, { functions: 0, kusto: 8080, eventHubs: 5672, storage: 11_000 });
  assert.deepEqual([options.once, options.json, options.only], [true, true, 'ingest']);
  assert.equal(readOptions(['--only', 'load']).only, 'load');
});

test('what cannot be done is refused by name', () => {
  const cases: [string[], string, RegExp][] = [
    [['--only', 'export'], 'UNSUPPORTED', /export is not part of this version/],
    [['--only', 'all'], 'USAGE', /--only must be ingest or load/],
    [['--port-kusto', 'x'], 'USAGE', /--port-kusto/],
    [['--port-storage', '65534'], 'USAGE', /two ports after it/],
    [['--fast'], 'USAGE', /--fast/],
  ];
  for (const [argv, code, message] of cases) {
    assert.throws(() => readOptions(argv), { code, message });
  }
});

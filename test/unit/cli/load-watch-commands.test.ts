import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type LoadWorld, startLoadWorld, viewOf } from './load-world.js';

let world: LoadWorld;
before(async () => {
  world = await startLoadWorld();
});
after(() => world.stop());
afterEach(() => {
  world.seen.length = 0;
  world.routes = {};
});

const whats = (): string[] => world.seen.map(({ what }) => what);
const error = {
  code: 'LOAD_SOURCE_REFUSED',
  message: 'x.csv: failed',
  cause: 'The service refused a blob',
  lookAt: ['.show ingestion failures'],
  nextCommand: 'kusto-functions diagnose l1',
};

test('load show tells a running load with 0 and a failed one with 1', async () => {
  world.routes = { 'GET /api/loads/l1': { body: { ...viewOf(), sources: [{}], continuation: '1' } } };
  const running = await world.run(['load', 'show', 'l1']);
  assert.equal(running.code, 0);
  assert.match(running.out, /^step +wait$/m);
  assert.deepEqual(JSON.parse((await world.run(['load', 'show', 'l1', '--json'])).out), viewOf());
  world.routes = { 'GET /api/loads/l1': { body: viewOf({ state: 'rolledBack', error }) } };
  const failed = await world.run(['load', 'show', 'l1']);
  assert.equal(failed.code, 1);
  assert.match(
    failed.err,
    /^LOAD_SOURCE_REFUSED: x\.csv: failed\n(?:.*\n)* +next +kusto-functions diagnose l1$/,
  );
});

test('load show --wait waits for the end', async () => {
  world.routes = {
    'GET /api/loads/l1': [{ body: viewOf() }, { body: viewOf() }, { body: viewOf({ state: 'committed' }) }],
  };
  const { code, waitedMs } = await world.run(['load', 'show', 'l1', '--wait']);
  assert.deepEqual([code, waitedMs], [0, 2_000]);
});

test('a load that is past its deadline by a day is no longer waited for', async () => {
  const deadline = new Date(0).toISOString();
  world.routes = { 'GET /api/loads/l1': { body: viewOf({ deadline }) } };
  const { code, waitedMs } = await world.run(['load', 'show', 'l1', '--wait']);
  assert.equal(code, 0);
  assert.ok(waitedMs > 25 * 3_600_000 && waitedMs < 26 * 3_600_000);
});

test('load show --sources lists every blob, over all pages', async () => {
  const source = (index: number, more: object = {}) => ({
    index,
    address: `https://h/c/${index}.csv`,
    state: 'succeeded',
    ...more,
  });
  const refused = { state: 'failed', errorCode: 'BadRequest_X', details: 'bad row' };
  const last = { body: { ...viewOf(), sources: [source(2, refused)] } };
  world.routes = {
    'GET /api/loads/l1?limit=1000': {
      body: { ...viewOf(), sources: [source(0), source(1, { rows: 7 })], continuation: '1000' },
    },
    'GET /api/loads/l1?limit=1000&continuation=1000': last,
    'GET /api/loads/l1?limit=1': { body: viewOf() },
  };
  world.routes['GET /api/loads/l1?limit=1&'] = { body: viewOf() };
  const { out } = await world.run(['load', 'show', 'l1', '--sources']);
  assert.match(out, /^1 +succeeded +7 +https:\/\/h\/c\/1\.csv$/m);
  assert.match(out, /^2 +failed +BadRequest_X +https:\/\/h\/c\/2\.csv +bad row$/m);
  const json = JSON.parse((await world.run(['load', 'show', 'l1', '--sources', '--json'])).out);
  assert.equal(json.sources.length, 3);
});

test('load list shows loads and where the next page begins', async () => {
  const loads = [
    viewOf({ id: 'a b', cancelRequested: true }),
    viewOf({ id: 'l0', state: 'rolledBack', error, counts: { blobs: 3 } }),
  ];
  world.routes = { 'GET /api/loads': [{ body: { loads, continuation: 'next' } }, { body: { loads: [] } }] };
  const { out } = await world.run(['load', 'list', '--state', 'running', '--limit', '2']);
  assert.match(out, /^a b +cancelling +wait +D\.T/m);
  assert.match(out, /^l0 +rolledBack +D\.T +3 .*LOAD_SOURCE_REFUSED$/m);
  assert.match(out, /--continuation next$/);
  assert.deepEqual(whats(), ['GET /api/loads?state=running&limit=2']);
  assert.match((await world.run(['load', 'list'])).out, /no loads/);
  const wrong = await world.run(['load', 'list', '--state', 'done']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /--state done: one of running, committed/);
});

test('load cancel asks once, and waits for the undo when it is told to', async () => {
  world.routes = {
    'DELETE /api/loads/l1': { status: 202, body: viewOf({ cancelRequested: true }) },
    'GET /api/loads/l1': {
      body: viewOf({ state: 'cancelled', error: { ...error, code: 'LOAD_CANCELLED' } }),
    },
  };
  const asked = await world.run(['load', 'cancel', 'l1']);
  assert.deepEqual([asked.code, whats()], [0, ['DELETE /api/loads/l1']]);
  assert.match(asked.out, /is being undone.*load show l1 --wait/);
  const waited = await world.run(['load', 'cancel', 'l1', '--wait']);
  assert.equal(waited.code, 0);
  world.routes['GET /api/loads/l1'] = { body: viewOf({ state: 'committed' }) };
  assert.equal((await world.run(['load', 'cancel', 'l1', '--wait'])).code, 1);
});

test('a load that has ended cannot be cancelled, and that is told with 1', async () => {
  world.routes = {
    'DELETE /api/loads/l1': { status: 409, body: { code: 'LOAD_ENDED', detail: 'load l1: is committed' } },
  };
  const { code, err } = await world.run(['load', 'cancel', 'l1']);
  assert.deepEqual([code, err.split('\n')[0]], [1, 'LOAD_ENDED: load l1: is committed']);
});

test('load orphans lists tables and blobs, with the command that drops each table', async () => {
  const found = [
    { kind: 'table', database: 'D', name: 'kf_load_x', command: '.drop table ["kf_load_x"] ifexists' },
    { kind: 'blob', name: 'loads/x/0.csv' },
  ];
  world.routes = { 'GET /api/loads/orphans': [{ body: { orphans: found } }, { body: { orphans: [] } }] };
  const { code, out } = await world.run(['load', 'orphans']);
  assert.equal(code, 0);
  assert.match(out, /^table +D +kf_load_x$/m);
  assert.match(out, /^blob +loads\/x\/0\.csv$/m);
  assert.match(out, /^ {2}\.drop table \["kf_load_x"\] ifexists$/m);
  assert.match((await world.run(['load', 'orphans'])).out, /There are none/);
});

test('diagnose shows the load, its error and every point with its command', async () => {
  const points = [
    { number: 1, name: 'commands of this load', finding: '3 commands, 1 failed', command: '.show commands' },
    { number: 5, name: 'ingestion failures', finding: '1', command: '.show f', rows: [{ a: 1, b: null }] },
  ];
  world.routes = {
    'GET /api/loads/l1/diagnosis': { body: { load: viewOf({ state: 'rolledBack', error }), points } },
  };
  const { code, out } = await world.run(['diagnose', 'l1']);
  assert.equal(code, 0);
  assert.match(out, /^LOAD_SOURCE_REFUSED: x\.csv: failed$/m);
  assert.match(out, /^1\. commands of this load: 3 commands, 1 failed\n {3}\.show commands$/m);
  assert.match(out, /^5\. ingestion failures: 1\n {3}\.show f\n {5}\{"a":1\}$/m);
  const json = JSON.parse((await world.run(['diagnose', 'l1', '--json'])).out);
  assert.deepEqual(json.points, points);
});

test('diagnose of a body that was sent shows its operation and says so', async () => {
  world.routes = {
    'GET /api/loads/o1/diagnosis': { status: 404, body: { code: 'NOT_FOUND', detail: 'load o1: unknown' } },
    'GET /api/operations/o1': { body: { operationId: 'o1', state: 'succeeded' } },
  };
  const { code, out } = await world.run(['diagnose', 'o1']);
  assert.equal(code, 0);
  assert.match(out, /^o1 is no load, but a body that was sent/);
  assert.match(out, /^state +succeeded$/m);
  const unknown = await world.run(['diagnose', 'nothing']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /^NOT_FOUND: nothing: neither a load nor an operation/);
});

test('words of commands are files only when they are written as paths', async () => {
  const { code, err } = await world.run(['load', 'show', '--table', 'D.T']);
  assert.equal(code, 2);
  assert.match(err, /there is no option --table/);
  const path = await world.run(['load', './show', '--table', 'D.T', '--format', 'csv']);
  assert.match(path.err, /^\.\/show: there is no such file/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJsonLogger, type LogLevel } from '../../../src/runtime/log.js';
import { fakeClock } from './fake-clock.js';

function logging(level: LogLevel) {
  const lines: string[] = [];
  const logger = createJsonLogger({
    level,
    clock: fakeClock(),
    write: (line) => lines.push(line),
    fields: { instance: 'i1' },
  });
  return { logger, lines };
}

test('a line is JSON with time, level, event and facts', () => {
  const { logger, lines } = logging('info');
  logger.info('shipment.settled', { rows: 5, table: 'T', nothing: undefined, none: null });
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    event: 'shipment.settled',
    instance: 'i1',
    rows: 5,
    table: 'T',
    none: null,
  });
});

test('lines below the level are not written', () => {
  const { logger, lines } = logging('warn');
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).event),
    ['c', 'd'],
  );
});

test('a fact cannot pose as the event, and a line stays one line', () => {
  const { logger, lines } = logging('info');
  logger.info('real', { event: 'forged', text: 'a\nb' });
  assert.equal(JSON.parse(lines[0] ?? '').event, 'real');
  assert.ok(!lines[0]?.includes('\n'));
});

test('numbers that JSON does not know are written as text', () => {
  const { logger, lines } = logging('info');
  logger.info('x', { a: Number.NaN, b: Number.POSITIVE_INFINITY });
  assert.deepEqual([JSON.parse(lines[0] ?? '').a, JSON.parse(lines[0] ?? '').b], ['NaN', 'Infinity']);
});

test('a secret in a fact is starred out', () => {
  const { logger, lines } = logging('info');
  logger.info('x', { url: 'https://a.blob.core.windows.net/c/b?sv=2024&sig=abc%2Bdef' });
  assert.ok(!lines[0]?.includes('abc'));
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { checkConfig, loadConfig } from '../../../src/config/load-config.js';
import { KfError } from '../../../src/runtime/errors.js';

const root = new URL('../../../../', import.meta.url);
const sample = readFileSync(new URL('pipeline.yaml', root), 'utf8');
const settings = JSON.parse(readFileSync(new URL('local.settings.sample.json', root), 'utf8')).Values;
const path = '/app/pipeline.yaml';

type Node = Record<string, unknown>;

/** Every place of the sample, as a list of keys. */
function placesOf(node: unknown, at: readonly string[] = []): string[][] {
  const inside =
    node !== null && typeof node === 'object'
      ? Object.entries(node).flatMap(([key, child]) => placesOf(child, [...at, key]))
      : [];
  return at.length === 0 ? inside : [[...at], ...inside];
}

function withValue(place: readonly string[], value: unknown): string {
  const tree = parse(sample) as Node;
  const parent = place.slice(0, -1).reduce<Node>((node, key) => node[key] as Node, tree);
  parent[place.at(-1) as string] = value;
  return stringify(tree);
}

const places = placesOf(parse(sample));
const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ maxLength: 20 }),
  fc.constantFrom('%NOT_SET%', '64MiB', '30s', -1, 1e300, null, [], {}, '__proto__', { __proto__: 1 }),
);

test('whatever stands anywhere in the file, it is a configuration or a list of mistakes with their places', () => {
  fc.assert(
    fc.property(fc.constantFrom(...places), anyValue, (place, value) => {
      const { config, mistakes } = checkConfig({ yamlText: withValue(place, value), path, settings });
      assert.ok((config === undefined) === mistakes.length > 0);
      assert.ok(mistakes.every(({ problem }) => problem.length > 0 && !problem.includes('Invalid input')));
    }),
    { numRuns: 400 },
  );
});

test('whatever the text, loading ends in a configuration or in one coded error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.lorem({ mode: 'sentences' })), (yamlText) => {
      try {
        loadConfig({ yamlText, path, settings });
      } catch (error) {
        assert.ok(error instanceof KfError && error.code.startsWith('CONFIG_'), String(error));
      }
    }),
  );
});

test('a key that is left out never makes another part a mistake', () => {
  for (const place of places.filter((one) => one.length > 1)) {
    const { mistakes } = checkConfig({ yamlText: withValue(place, undefined), path, settings });
    const section = place[0];
    assert.ok(
      mistakes.every(
        (mistake) => mistake.path.startsWith(section as string) || mistake.path.startsWith('sources'),
      ),
      `${place.join('.')}: ${JSON.stringify(mistakes)}`,
    );
  }
});

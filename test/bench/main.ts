import { suiteOptions } from '../helpers/args.js';
import { core } from './core.js';
import { latency } from './latency.js';
import { load } from './load.js';
import { loadRows } from './load-3m.js';
import { loadMemory } from './load-memory.js';
import { loadReplay } from './load-replay.js';
import { memory } from './memory.js';
import { path } from './path.js';
import type { Bench, Measure } from './types.js';

/** `npm run bench`: figures against goals, all from one run. A missed goal is reported as missed; exit 0. */
const benches: readonly Bench[] = [load, core, path, latency, memory, loadRows, loadReplay, loadMemory];

const options = suiteOptions('bench', { only: `one of ${benches.map(({ name }) => name).join(', ')} (all)` });
const { only } = options.values;
const chosen = benches.filter(({ name }) => only === undefined || name === only);
if (chosen.length === 0) {
  console.error(`no bench is called ${only}; there are ${benches.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const measures: Measure[] = [];
for (const bench of chosen) {
  console.error(`${bench.name}: ${bench.summary}`);
  for (const measure of await bench.run((line) => console.error(`  ${line}`))) {
    measures.push(measure);
    if (!options.json) {
      const value =
        measure.value >= 100 ? Math.round(measure.value).toLocaleString('en-US') : measure.value.toFixed(2);
      const verdict =
        measure.met === undefined
          ? ''
          : measure.met
            ? `  met (${measure.goal})`
            : `  MISSED (${measure.goal})`;
      console.log(`${measure.name.padEnd(34)} ${value.padStart(12)} ${measure.unit}${verdict}`);
      if (measure.note !== undefined) {
        console.log(`${' '.repeat(34)} ${measure.note}`);
      }
    }
  }
}
if (options.json) {
  console.log(JSON.stringify(measures));
}

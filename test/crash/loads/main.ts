import { openGround, runCell } from './cell.js';
import { paths } from './paths.js';

const ground = await openGround();
for (const path of paths) {
  const startedMs = performance.now();
  const { calls, problems, state } = await runCell(ground, path);
  console.log(path.name, state, calls.length, Math.round(performance.now() - startedMs), 'ms', problems);
}

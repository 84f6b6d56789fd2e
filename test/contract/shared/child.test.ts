import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const CHILD_URL = new URL('../../../local/shared/child.js', import.meta.url).href;

/** A parent that starts `child.mjs` with the shared launcher and prints the child's process id. */
async function startParent(directory: string, childSource: string): Promise<ChildProcess> {
  await writeFile(join(directory, 'child.mjs'), childSource);
  await writeFile(
    join(directory, 'parent.mjs'),
    `import { startNodeChild } from ${JSON.stringify(CHILD_URL)};
     const child = startNodeChild({
       script: ${JSON.stringify(join(directory, 'child.mjs'))},
       onStdoutLine: () => console.log(child.pid),
     });`,
  );
  return spawn(process.execPath, [join(directory, 'parent.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200 && alive(pid); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return !alive(pid);
}

for (const [name, source] of [
  ['a child that only waits', `setInterval(() => {}, 1000); console.log('up');`],
  [
    'a child that ignores SIGTERM',
    `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up');`,
  ],
] as const) {
  test(`${name} ends when its parent is killed outright`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'child-'));
    const parent = await startParent(directory, source);
    const [line] = await once(createInterface(parent.stdout!), 'line');
    const pid = Number(line);
    assert.ok(alive(pid));
    parent.kill('SIGKILL');
    const gone = await untilGone(pid);
    if (!gone) process.kill(pid, 'SIGKILL');
    await rm(directory, { recursive: true });
    assert.ok(gone);
  });
}

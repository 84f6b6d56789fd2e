import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { treeBytes, watchMemory } from '../../../local/stack/memory.js';

test('the memory of a tree is that of the root and all its descendants', () => {
  const processes = [
    { pid: 1, parentPid: 0, rssBytes: 1_000 },
    { pid: 10, parentPid: 1, rssBytes: 5 },
    { pid: 12, parentPid: 11, rssBytes: 7 },
    { pid: 11, parentPid: 10, rssBytes: 6 },
    { pid: 20, parentPid: 1, rssBytes: 100 },
  ];
  assert.equal(treeBytes(processes, 10), 18);
  assert.equal(treeBytes(processes, 99), 0);
});

test('the peak counts a child process as well', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log("up")']);
  await once(child.stdout, 'data');
  const watch = watchMemory();
  let peak: number | undefined;
  while (peak === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    peak = watch.peakBytes();
  }
  watch.stop();
  child.kill();
  assert.ok(peak > process.memoryUsage().rss, `${peak} is more than this process alone`);
});

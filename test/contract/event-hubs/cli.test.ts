import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EventHubProducerClient } from '@azure/event-hubs';

const MAIN = fileURLToPath(new URL('../../../local/event-hubs/main.js', import.meta.url));

test('the first line tells how to connect, and SIGTERM ends it with 0', async () => {
  const child = spawn(process.execPath, [MAIN, '--port', '0', '--json', '--hubs', 'a:2,b:3:g']);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const ready = JSON.parse(line) as { connectionString: string; hubs: unknown };
  assert.deepEqual(ready.hubs, [
    { name: 'a', partitions: 2 },
    { name: 'b', partitions: 3 },
  ]);
  assert.match(ready.connectionString, /UseDevelopmentEmulator=true/);
  const producer = new EventHubProducerClient(ready.connectionString, 'b');
  assert.deepEqual(await producer.getPartitionIds(), ['0', '1', '2']);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
  await producer.close().catch(() => undefined);
});

test('a taken port and wrong options end with 2 and say what to do', async () => {
  const holder = spawn(process.execPath, [MAIN, '--port', '0', '--json']);
  const [line] = (await once(createInterface(holder.stdout), 'line')) as [string];
  const port = /:(\d+);/.exec(line)![1]!;
  const runs: [string[], RegExp][] = [
    [['--port', port], /PORT_TAKEN[\s\S]*--port/],
    [['--port', '70000'], /--port must be/],
    [['--hubs', 'a:0'], /1 to 32 partitions/],
    [['--nope'], /--nope/],
  ];
  for (const [args, message] of runs) {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, message);
  }
  holder.kill('SIGTERM');
  await once(holder, 'exit');
});

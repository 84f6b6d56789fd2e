import { once } from 'node:events';
import { createServer } from 'node:net';

/** Three neighbouring ports that are free now. */
export async function freePorts(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const base = 20_000 + Math.floor(Math.random() * 20_000);
    const servers = [base, base + 1, base + 2].map((port) => createServer().listen(port, '127.0.0.1'));
    const outcomes = await Promise.all(
      servers.map((server) =>
        Promise.race([once(server, 'listening').then(() => true), once(server, 'error')]),
      ),
    ).catch(() => [false]);
    for (const server of servers) server.close();
    if (outcomes.every((outcome) => outcome === true)) return base;
  }
  throw new Error('no three neighbouring ports are free');
}

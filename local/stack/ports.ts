import { once } from 'node:events';
import { createServer } from 'node:net';
import { isAddressInUse, portTaken } from '../shared/errors.js';
import type { StackPorts } from './options.js';

const HOST = '127.0.0.1';

interface Wanted {
  readonly what: string;
  readonly port: number;
  readonly flag: string;
}

/**
 * Looks before anything is started whether all wanted ports are free, so that the message names the option of
 * this command rather than that of a part.
 *
 * @throws LocalError `PORT_TAKEN`
 */
export async function checkPorts(ports: StackPorts): Promise<void> {
  const wanted: Wanted[] = [
    { what: 'the Functions host', port: ports.functions, flag: '--port-functions' },
    { what: 'Kusto', port: ports.kusto, flag: '--port-kusto' },
    { what: 'Event Hubs', port: ports.eventHubs, flag: '--port-event-hubs' },
    ...['blob', 'queue', 'table'].map((service, index) => ({
      what: `storage (${service})`,
      port: ports.storage === 0 ? 0 : ports.storage + index,
      flag: '--port-storage',
    })),
  ];
  for (const { what, port, flag } of wanted) {
    if (port !== 0 && !(await isFree(port))) throw portTaken(what, port, flag);
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (isAddressInUse(error)) return false;
    throw error;
  } finally {
    server.close();
  }
}

import functions from '@azure/functions';
import type { Shipment } from '../ledger/ports.js';
import { answering } from './problem.js';
import type { AppServices } from './services.js';

/** Open shipments listed at the most. */
const maxListed = 1_000;

function view(shipment: Shipment): Record<string, unknown> {
  const { etag: _etag, origins: _origins, createdAtMs, updatedAtMs, ...facts } = shipment;
  return {
    ...facts,
    createdAt: new Date(createdAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
  };
}

export function registerHttpShipments(services: AppServices): void {
  functions.app.http('shipments', {
    methods: ['GET'],
    route: 'shipments',
    authLevel: 'function',
    handler: answering(services.logger, async () => ({
      jsonBody: { shipments: (await services.shipments(maxListed)).map(view) },
    })),
  });

  functions.app.http('shipment-retry', {
    methods: ['POST'],
    route: 'shipments/{id}/retry',
    authLevel: 'function',
    handler: answering(services.logger, async (request) => {
      await services.retryShipment(request.params.id as string);
      return { jsonBody: { id: request.params.id, action: 'retry' } };
    }),
  });

  functions.app.http('shipment-dead-letter', {
    methods: ['POST'],
    route: 'shipments/{id}/dead-letter',
    authLevel: 'function',
    handler: answering(services.logger, async (request) => {
      await services.deadLetterShipment(request.params.id as string);
      return { jsonBody: { id: request.params.id, action: 'dead-letter' } };
    }),
  });
}

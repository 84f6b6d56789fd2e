import { KfError } from '../runtime/errors.js';
import type { ShipmentState } from './ports.js';

/**
 * Legal moves of a shipment. `staged`: in our container, not known to be with the service. `queued`: the service
 * has it. `failed`: it will not be sent again as it is; its pieces or its records are being taken on. `unknown`: no
 * final status in time; waits for a late status or an operator. `settled`: done, about to be removed.
 */
const moves: Readonly<Record<ShipmentState, readonly ShipmentState[]>> = {
  staged: ['staged', 'queued', 'failed', 'unknown', 'settled'],
  queued: ['queued', 'staged', 'failed', 'unknown', 'settled'],
  failed: ['failed', 'staged', 'settled'],
  unknown: ['unknown', 'staged', 'queued', 'failed', 'settled'],
  settled: [],
};

export function isLegalMove(from: ShipmentState, to: ShipmentState): boolean {
  return moves[from].includes(to);
}

/** @throws ILLEGAL_STATE */
export function requireLegalMove(id: string, from: ShipmentState, to: ShipmentState): void {
  if (!isLegalMove(from, to)) {
    throw new KfError('ILLEGAL_STATE', `shipment ${id}: ${from} may not become ${to}`);
  }
}

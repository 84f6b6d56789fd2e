import { KfError } from '../runtime/errors.js';
import type { LoadState } from './types.js';

/** Legal moves of a load. What has ended stays as it ended. */
const moves: Readonly<Record<LoadState, readonly LoadState[]>> = {
  running: ['running', 'committed', 'skipped', 'rolledBack', 'cancelled', 'failedDirty'],
  committed: ['committed'],
  skipped: ['skipped'],
  rolledBack: ['rolledBack'],
  cancelled: ['cancelled'],
  failedDirty: ['failedDirty'],
};

/** @throws ILLEGAL_STATE */
export function requireLegalLoadMove(id: string, from: LoadState, to: LoadState): void {
  if (!moves[from].includes(to)) {
    throw new KfError('ILLEGAL_STATE', `load ${id}: ${from} cannot become ${to}`);
  }
}

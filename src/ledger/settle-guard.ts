import { asKfError } from '../runtime/errors.js';
import type { SettleRun } from './settle-types.js';

/**
 * Runs one step for one shipment so that its failure stops nothing else. A conflict means that another instance was
 * first, which is no failure.
 */
export async function guard(run: SettleRun, id: string, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', 'settle');
    if (error.code === 'STORAGE_CONFLICT') {
      run.deps.logger.debug('shipment.busy', { id });
      return;
    }
    run.summary.errors++;
    run.deps.logger.warn('shipment.stepFailed', { id, code: error.code, message: error.message });
  }
}

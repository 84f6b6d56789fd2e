import * as commands from '../../kusto/load-commands.js';
import { planOf, type Step } from './context.js';

/** Makes the target when it is missing and may be made. A table that a load made stays, empty, when the load fails. */
export const create: Step = async ({ load, engine }) => {
  const plan = planOf(load);
  if (!plan.targetExists) await engine.command(commands.createTable(load.options.table, plan.columns));
  return { is: 'done' };
};

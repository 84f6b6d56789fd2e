import { binFunctions } from './bin.js';
import { conditionalFunctions } from './conditional.js';
import { conversionFunctions } from './conversion.js';
import type { FunctionTable } from './define.js';
import { mathFunctions } from './math.js';

/** Built-in scalar functions by name. */
export const builtInFunctions: FunctionTable = new Map([
  ...conversionFunctions,
  ...mathFunctions,
  ...binFunctions,
  ...conditionalFunctions,
]);

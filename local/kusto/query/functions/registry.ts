import { binFunctions } from './bin.js';
import { conditionalFunctions } from './conditional.js';
import { conversionFunctions } from './conversion.js';
import { datetimeFunctions } from './datetime.js';
import type { FunctionTable } from './define.js';
import { dynamicFunctions } from './dynamic.js';
import { hashFunctions } from './hash.js';
import { mathFunctions } from './math.js';
import { regexFunctions } from './regex.js';
import { setFunctions } from './sets.js';
import { stringFunctions } from './string.js';
import { urlFunctions } from './url.js';
import { versionFunctions } from './version.js';

/** Built-in scalar functions by name. */
export const builtInFunctions: FunctionTable = new Map([
  ...conversionFunctions,
  ...mathFunctions,
  ...binFunctions,
  ...conditionalFunctions,
  ...stringFunctions,
  ...regexFunctions,
  ...urlFunctions,
  ...hashFunctions,
  ...datetimeFunctions,
  ...dynamicFunctions,
  ...setFunctions,
  ...versionFunctions,
]);

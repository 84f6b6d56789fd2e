import { parseDecimal } from '../../values/decimal.js';
import { definer, type FunctionTable } from './define.js';

export const versionFunctions: FunctionTable = new Map();
const define = definer(versionFunctions);

/** Digits each of the four parts of a version takes in its decimal. */
const PART_DIGITS = 8;

define('parse_version', ['text', 'decimal'], (text: string) => {
  if (!/^\d{1,8}(?:\.\d{1,8}){0,3}$/.test(text.trim())) return null;
  const parts = [...text.trim().split('.'), '0', '0', '0'].slice(0, 4);
  return parseDecimal(parts.map((part) => part.padStart(PART_DIGITS, '0')).join(''));
});

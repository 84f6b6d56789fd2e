/**
 * The value of a key that came from outside. What every object inherits, such as `constructor` and `__proto__`, is
 * no value.
 */
export function ownValue<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

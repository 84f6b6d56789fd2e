import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Transform } from './transform-types.js';

/** Node strips types by itself from 22.18 on. */
function stripsTypes(): boolean {
  return Boolean((process.features as { typescript?: string | false }).typescript);
}

/**
 * Loads a user's transform module, TypeScript or JavaScript.
 * @param path absolute
 * @throws Error when the module cannot be loaded or its default export is no function
 */
export async function loadTransform(path: string): Promise<Transform> {
  if (/\.m?ts$/.test(path) && !stripsTypes()) {
    register(new URL('./type-strip-hooks.js', import.meta.url));
  }
  const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
  const exported = module.default;
  // A CommonJS module made from TypeScript has its default export one step further down.
  const inner = (exported as { default?: unknown } | undefined)?.default;
  const found = typeof exported === 'function' ? exported : inner;
  if (typeof found !== 'function') {
    throw new Error('the module has no default export that is a function');
  }
  return found as Transform;
}

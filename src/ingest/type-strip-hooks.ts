import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from 'sucrase';

interface Loaded {
  readonly format: string;
  readonly shortCircuit?: boolean;
  readonly source?: string;
}

/**
 * Module hook for Node versions that do not strip types themselves: TypeScript files are loaded as ES modules with
 * their types taken out. Nothing is checked, as with Node's own stripping.
 */
export async function load(
  url: string,
  context: unknown,
  nextLoad: (url: string, context: unknown) => Promise<Loaded>,
): Promise<Loaded> {
  if (!url.startsWith('file:') || !/\.m?ts$/.test(new URL(url).pathname)) {
    return nextLoad(url, context);
  }
  const filePath = fileURLToPath(url);
  const source = await readFile(filePath, 'utf8');
  const { code } = transform(source, { transforms: ['typescript'], disableESTransforms: true, filePath });
  return { format: 'module', shortCircuit: true, source: code };
}

import { KfError } from '../runtime/errors.js';
import type { SourceStorage } from './ports.js';

/** From so many blobs of one folder on, its list is read instead of asking for each. */
const MIN_LISTED = 32;
/** Other blobs of the folder that are read over: two pages of a list cost less than that many questions. */
const MAX_OTHERS = 10_000;

const folderOf = (address: string): string => address.slice(0, address.lastIndexOf('/') + 1);

/**
 * Sizes of blobs by address, as far as a list of their folders tells them; who is not in it must be asked for by
 * itself. A folder that may not be listed, or that holds too much else, tells nothing or little, and is no error.
 */
export async function listedSizes(
  sources: Pick<SourceStorage, 'list'>,
  addresses: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const folders = new Map<string, Set<string>>();
  for (const address of addresses) {
    const folder = folders.get(folderOf(address)) ?? new Set();
    folders.set(folderOf(address), folder.add(address));
  }
  const sizes = new Map<string, number>();
  for (const [folder, wanted] of folders) {
    if (wanted.size >= MIN_LISTED) await readFolder(folder, wanted, { sources, sizes, signal });
  }
  return sizes;
}

interface Reading {
  readonly sources: Pick<SourceStorage, 'list'>;
  readonly sizes: Map<string, number>;
  readonly signal: AbortSignal | undefined;
}

async function readFolder(
  folder: string,
  wanted: ReadonlySet<string>,
  { sources, sizes, signal }: Reading,
): Promise<void> {
  let missing = wanted.size;
  let others = 0;
  try {
    for await (const { address, sizeBytes } of sources.list({ address: folder }, signal)) {
      if (wanted.has(address)) {
        sizes.set(address, sizeBytes);
        missing--;
      } else {
        others++;
      }
      if (missing === 0 || others > MAX_OTHERS) return;
    }
  } catch (error) {
    if (!(error instanceof KfError)) throw error;
  }
}

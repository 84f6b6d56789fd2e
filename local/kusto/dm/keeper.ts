import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Things by id that outlive the process where the engine keeps data on disk. Plain JSON. */
export interface Keeper<T> {
  /** All that was kept, damaged ones left out. */
  load(): Promise<readonly T[]>;
  put(id: string, value: T): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Keeps nothing: for an engine whose data lives in memory. */
export function memoryKeeper<T>(): Keeper<T> {
  return { load: async () => [], put: async () => undefined, remove: async () => undefined };
}

const SUFFIX = '.json';

/** One file per thing, written beside its place and moved there, so that no half file is seen. */
export function folderKeeper<T>(folder: string): Keeper<T> {
  const path = (id: string) => join(folder, `${encodeURIComponent(id)}${SUFFIX}`);
  let made: Promise<unknown> | undefined;
  const make = () => {
    made ??= mkdir(folder, { recursive: true });
    return made;
  };
  return {
    async load() {
      await make();
      const names = (await readdir(folder)).filter((name) => name.endsWith(SUFFIX)).sort();
      const values: T[] = [];
      for (const name of names) {
        try {
          values.push(JSON.parse(await readFile(join(folder, name), 'utf8')) as T);
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
        }
      }
      return values;
    },
    async put(id, value) {
      await make();
      const beside = `${path(id)}.new`;
      const file = await open(beside, 'w');
      try {
        await file.writeFile(JSON.stringify(value));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, path(id));
    },
    async remove(id) {
      await rm(path(id), { force: true });
    },
  };
}

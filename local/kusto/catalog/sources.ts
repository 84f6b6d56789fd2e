import type { StoredExtent } from './model.js';

/** Ids remembered; the oldest are forgotten beyond it. What is delivered twice comes again within minutes. */
const MAX_SOURCES = 200_000;

/** Which pieces of work the rows of a catalogue come from. */
export class IngestedSources {
  readonly #ids = new Set<string>();

  constructor(extents: readonly StoredExtent[]) {
    this.add(extents);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(extents: readonly StoredExtent[]): void {
    for (const id of extents.flatMap(({ sources = [] }) => sources)) {
      this.#ids.add(id);
    }
    for (const id of this.#ids) {
      if (this.#ids.size <= MAX_SOURCES) {
        return;
      }
      this.#ids.delete(id);
    }
  }
}

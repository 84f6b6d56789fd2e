import { type FileHandle, open } from 'node:fs/promises';

interface Waiting {
  readonly line: string;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Lines appended to a file, each on disk before its promise resolves, in the order of the calls.
 * Lines that wait while others are flushed go to disk together.
 */
export class Journal {
  readonly #file: FileHandle;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<Journal> {
    return new Journal(await open(path, 'a'));
  }

  /** @throws the file system's error, also for every later line: what follows a lost line must not be kept. */
  append(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    // Lets the calls of this turn join the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#writeGroup(group);
    }
    this.#flushing = undefined;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      await this.#file.appendFile(group.map(({ line }) => `${line}\n`).join(''));
      await this.#file.datasync();
      for (const { resolve } of group) {
        resolve();
      }
    } catch (error) {
      this.#failure = error;
      for (const { reject } of group) {
        reject(error);
      }
    }
  }
}

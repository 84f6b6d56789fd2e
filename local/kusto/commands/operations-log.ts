import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationUpdate } from './operations.js';

const FILE = 'operations.jsonl';
/** Updates that a restart keeps. */
const MAX_KEPT_UPDATES = 20_000;

/** Updates of earlier runs and a place for new ones. */
interface OperationsLog {
  readonly earlier: readonly OperationUpdate[];
  readonly onUpdate: (update: OperationUpdate) => void;
  close(): Promise<void>;
}

/** The operations' log kept in `directory`; nothing is kept without a directory. */
export async function openOperationsLog(directory?: string): Promise<OperationsLog> {
  if (directory === undefined) {
    return { earlier: [], onUpdate: () => undefined, close: async () => undefined };
  }
  const path = join(directory, FILE);
  const text = await readFile(path, 'utf8').catch(() => '');
  // A line without its end was being written when the process died.
  const lines = text.split('\n').slice(0, -1).slice(-MAX_KEPT_UPDATES);
  await writeFile(`${path}.new`, lines.map((line) => `${line}\n`).join(''));
  await rename(`${path}.new`, path);
  const file = await open(path, 'a');
  let written = Promise.resolve();
  return {
    earlier: lines.map(parseUpdate),
    onUpdate: (update) => {
      const line = JSON.stringify(update, (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      written = written.then(() => file.appendFile(`${line}\n`));
    },
    close: async () => {
      await written;
      await file.close();
    },
  };
}

function parseUpdate(line: string): OperationUpdate {
  const update = JSON.parse(line) as OperationUpdate & { startedOn: string; lastUpdatedOn: string };
  return { ...update, startedOn: BigInt(update.startedOn), lastUpdatedOn: BigInt(update.lastUpdatedOn) };
}

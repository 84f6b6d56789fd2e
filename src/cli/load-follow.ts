import type { LoadView } from '../transactional/view.js';
import { UnreachableError } from './api.js';
import type { Invocation } from './command.js';
import { isOver } from './load-report.js';
import { isPassing } from './repeat.js';

/** Between two looks: a sixteenth of what has passed, within these. */
const MIN_LOOK_MS = 1_000;
const MAX_LOOK_MS = 10_000;
/** An app that is silent for this long is given up; the load itself goes on. */
const MAX_SILENCE_MS = 600_000;
/** A load ends a day after its deadline at the latest, whatever happens. */
const AFTER_DEADLINE_MS = 25 * 3_600_000;

export async function getLoad({ api }: Pick<Invocation, 'api'>, id: string): Promise<LoadView> {
  const path = `/loads/${encodeURIComponent(id)}`;
  const answer = (await api.call({ method: 'GET', path, query: { limit: '1' } })).json as LoadView & {
    readonly sources?: unknown;
    readonly continuation?: unknown;
  };
  const { sources: _sources, continuation: _continuation, ...view } = answer;
  return view;
}

/** Waits for the end of a load, and shows how far it is. A lost connection is no end. */
export async function followLoad(invocation: Invocation, first: LoadView): Promise<LoadView> {
  const { deps } = invocation;
  const tell = teller(invocation);
  const stop = deps.onInterrupt(() => {
    tell.end();
    for (const line of goesOn(first.id)) deps.output.err(line);
  });
  try {
    return await wait(invocation, first, tell);
  } finally {
    tell.end();
    stop();
  }
}

/** For whoever stops waiting. */
function goesOn(id: string): string[] {
  return [
    `load ${id} goes on without this command`,
    `  look    kusto-functions load show ${id} --wait`,
    `  cancel  kusto-functions load cancel ${id} --wait`,
  ];
}

async function wait(invocation: Invocation, first: LoadView, tell: Teller): Promise<LoadView> {
  const { clock } = invocation.deps;
  const startedMs = clock.now();
  let heardMs = startedMs;
  let view = first;
  while (!isOver(view)) {
    const nowMs = clock.now();
    tell.progress(view, nowMs - startedMs, nowMs > heardMs + 2 * MAX_LOOK_MS);
    if (nowMs > Date.parse(view.deadline) + AFTER_DEADLINE_MS) return view;
    await clock.sleep(Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, (nowMs - startedMs) / 16)));
    try {
      view = await getLoad(invocation, view.id);
      heardMs = clock.now();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (clock.now() - heardMs > MAX_SILENCE_MS) {
        throw new UnreachableError([(error as Error).message, ...goesOn(view.id)].join('\n'));
      }
    }
  }
  return view;
}

interface Teller {
  progress(view: LoadView, passedMs: number, isSilent: boolean): void;
  end(): void;
}

/** One line that is rewritten on a terminal; elsewhere a line for each step. */
function teller({ deps: { output }, json }: Invocation): Teller {
  let told = '';
  return {
    progress: (view, passedMs, isSilent) => {
      if (json) return;
      const text = isSilent ? 'no answer from the app; still trying' : progressOf(view);
      const line = output.progress === undefined ? view.step : text;
      if (output.progress !== undefined) output.progress(`${text}  ${elapsed(passedMs)}`);
      else if (line !== told) output.err(text);
      told = line;
    },
    end: () => {
      if (told !== '') output.progress?.('\n');
      told = '';
    },
  };
}

/** `wait: 12 of 40 blobs, 1000 rows`. */
function progressOf({ step, counts, rows }: LoadView): string {
  const { blobs, succeeded = 0, failed = 0 } = counts;
  const known = rows.staged ?? rows.expected;
  const parts = [
    ...(blobs === undefined ? [] : [`${succeeded} of ${blobs} blobs`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(known === undefined ? [] : [`${known} rows`]),
  ];
  return [`${step}:`, parts.join(', ')].join(' ').replace(/: $/, '');
}

function elapsed(ms: number): string {
  const part = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${part(ms / 3_600_000)}:${part((ms / 60_000) % 60)}:${part((ms / 1000) % 60)}`;
}

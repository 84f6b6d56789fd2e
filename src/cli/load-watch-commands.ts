import { loadStates } from '../transactional/types.js';
import type { LoadDetails, LoadView, SourceView } from '../transactional/view.js';
import type { Command, Invocation } from './command.js';
import { text, UsageError } from './command.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { followLoad, getLoad } from './load-follow.js';
import { exitOf, formatLoads, formatSources, isOver, reportLoad } from './load-report.js';
import { formatTable, toJson } from './output.js';
import { repeated } from './repeat.js';

/** Blobs that one answer lists. */
const PAGE = 1_000;
/** More blobs than any load has, in pages. */
const MAX_PAGES = 1_000;

const pathOf = (id: string): string => `/loads/${encodeURIComponent(id)}`;
const idOf = ({ positionals }: Invocation): string => positionals[0] as string;

async function sourcesOf({ api }: Invocation, id: string): Promise<SourceView[]> {
  const all: SourceView[] = [];
  let continuation: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = { limit: String(PAGE), continuation };
    const answer = (await api.call({ method: 'GET', path: pathOf(id), query })).json as LoadDetails;
    all.push(...answer.sources);
    continuation = answer.continuation;
    if (continuation === undefined) break;
  }
  return all;
}

async function show(invocation: Invocation): Promise<ExitCode> {
  const { deps, json, values } = invocation;
  const first = await getLoad(invocation, idOf(invocation));
  const view = values['wait'] === true ? await followLoad(invocation, first) : first;
  if (values['sources'] !== true) return reportLoad(invocation, view);
  const sources = await sourcesOf(invocation, view.id);
  if (json) {
    deps.output.out(toJson({ ...view, sources }));
    return exitOf(view);
  }
  const code = reportLoad(invocation, view);
  deps.output.out(sources.length === 0 ? 'No blobs are planned yet.' : formatSources(sources));
  return code;
}

async function list({ api, deps, json, values }: Invocation): Promise<ExitCode> {
  const state = text(values, 'state');
  if (state !== undefined && !(loadStates as readonly string[]).includes(state)) {
    throw new UsageError(`--state ${state}: one of ${loadStates.join(', ')}`);
  }
  const query = { state, limit: text(values, 'limit'), continuation: text(values, 'continuation') };
  const page = (await api.call({ method: 'GET', path: '/loads', query })).json as {
    readonly loads: readonly LoadView[];
    readonly continuation?: string;
  };
  if (json) {
    deps.output.out(toJson(page));
    return exitCodes.ok;
  }
  deps.output.out(page.loads.length === 0 ? 'There are no loads.' : formatLoads(page.loads));
  if (page.continuation !== undefined) {
    deps.output.out(`There are more: add --continuation ${page.continuation}`);
  }
  return exitCodes.ok;
}

async function cancel(invocation: Invocation): Promise<ExitCode> {
  const { api, deps, json, values } = invocation;
  const id = idOf(invocation);
  const answer = await repeated(deps, () => api.call({ method: 'DELETE', path: pathOf(id) }));
  const asked = answer.json as LoadView;
  if (values['wait'] === true) {
    const view = await followLoad(invocation, asked);
    reportLoad(invocation, view);
    return view.state === 'cancelled' ? exitCodes.ok : exitCodes.failed;
  }
  if (json) deps.output.out(toJson(asked));
  else if (isOver(asked)) deps.output.out(`${id}: is ${asked.state}`);
  else deps.output.out(`${id}: is being undone; see kusto-functions load show ${id} --wait`);
  return exitCodes.ok;
}

interface Orphan extends Record<string, unknown> {
  readonly command?: string;
}

async function orphans({ api, deps, json }: Invocation): Promise<ExitCode> {
  const answer = (await api.call({ method: 'GET', path: '/loads/orphans' })).json as {
    readonly orphans: readonly Orphan[];
  };
  if (json) {
    deps.output.out(toJson(answer));
  } else if (answer.orphans.length === 0) {
    deps.output.out('There are none: every staging table and staged blob belongs to a load that runs.');
  } else {
    const rows = answer.orphans.map((one) => [one['kind'], one['database'], one['name']]);
    deps.output.out(formatTable(['KIND', 'DATABASE', 'NAME'], rows));
    deps.output.out('The app removes each an hour after it was first seen. To do it now:');
    for (const { command } of answer.orphans) if (command !== undefined) deps.output.out(`  ${command}`);
  }
  return exitCodes.ok;
}

export const loadCommands: readonly Command[] = [
  {
    name: 'load show',
    usage: 'load show ID [--wait] [--sources]',
    summary: 'Show how far a load is, or how it ended and what to do about it.',
    details: ['Exit code 1 when it ended otherwise than committed or skipped.'],
    options: {
      wait: { type: 'boolean', doc: 'Wait for its end.' },
      sources: { type: 'boolean', doc: 'List every blob with its state, rows and error.' },
    },
    positionals: { min: 1, max: 1 },
    run: show,
  },
  {
    name: 'load list',
    usage: 'load list [--state STATE] [--limit N]',
    summary: 'List loads, the newest first.',
    options: {
      state: { type: 'string', value: 'STATE', doc: `One of ${loadStates.join(', ')}.` },
      limit: { type: 'string', value: 'N', doc: 'At most so many, up to 1000. Default 100.' },
      continuation: { type: 'string', value: 'TOKEN', doc: 'Goes on where the last page ended.' },
    },
    positionals: { min: 0, max: 0 },
    run: list,
  },
  {
    name: 'load cancel',
    usage: 'load cancel ID [--wait]',
    summary: 'Stop a load that runs and undo what it did.',
    details: [
      'A load whose commit has been taken by the cluster ends as committed all the same; --wait tells, with exit',
      'code 0 only when it ended as cancelled.',
    ],
    options: { wait: { type: 'boolean', doc: 'Wait until it is undone.' } },
    positionals: { min: 1, max: 1 },
    run: cancel,
  },
  {
    name: 'load orphans',
    usage: 'load orphans',
    summary: 'List staging tables (hidden ones too) and staged blobs that no running load owns.',
    options: {},
    positionals: { min: 0, max: 0 },
    run: orphans,
  },
];

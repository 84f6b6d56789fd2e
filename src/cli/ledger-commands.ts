import { type Command, type Invocation, type OptionSpec, text } from './command.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { formatFacts, formatTable, toJson } from './output.js';

type Row = Readonly<Record<string, unknown>>;

async function listShipments({ api, deps, json }: Invocation): Promise<ExitCode> {
  const answer = (await api.call({ method: 'GET', path: '/shipments' })).json as {
    readonly shipments: readonly Row[];
  };
  if (json) {
    deps.output.out(toJson(answer));
  } else if (answer.shipments.length === 0) {
    deps.output.out('Nothing is on its way: everything that was sent is settled.');
  } else {
    const rows = answer.shipments.map((one) => [
      one['id'],
      one['state'],
      one['source'],
      `${one['database']}.${one['table']}`,
      one['rows'],
      one['attempts'],
      one['createdAt'],
      one['errorCode'],
    ]);
    const headings = ['ID', 'STATE', 'SOURCE', 'TARGET', 'ROWS', 'ATTEMPTS', 'SINCE', 'ERROR'];
    deps.output.out(formatTable(headings, rows));
  }
  return exitCodes.ok;
}

const list: Omit<Command, 'name' | 'usage'> = {
  summary: 'List what is sent and not yet settled, oldest first.',
  options: {},
  positionals: { min: 0, max: 0 },
  run: listShipments,
};

const decide = (action: 'retry' | 'dead-letter', summary: string): Command => ({
  name: `shipments ${action}`,
  usage: `shipments ${action} ID`,
  summary,
  details: [
    'For a shipment whose state is unknown: the service gave no answer in time, so a person decides.',
  ],
  options: {},
  positionals: { min: 1, max: 1 },
  run: async ({ api, deps, positionals, json }) => {
    const id = positionals[0] as string;
    const answer = await api.call({ method: 'POST', path: `/shipments/${encodeURIComponent(id)}/${action}` });
    deps.output.out(
      json ? toJson(answer.json) : `${id}: ${action === 'retry' ? 'sent again' : 'kept as dead letters'}`,
    );
    return exitCodes.ok;
  },
});

export const shipmentCommands: readonly Command[] = [
  { name: 'shipments', usage: 'shipments', ...list },
  { name: 'shipments list', usage: 'shipments list', ...list },
  decide('retry', 'Send an unknown shipment again; its rows may then be there twice.'),
  decide('dead-letter', 'Keep the records of an unknown shipment as dead letters.'),
];

const filterOptions = {
  source: { type: 'string', value: 'NAME', doc: 'Only of this source.' },
  kind: {
    type: 'string',
    value: 'KIND',
    doc: 'decode (the record is bad) or delivery (it could not be brought in).',
  },
  code: { type: 'string', value: 'CODE', doc: 'Only with this error code.' },
  from: { type: 'string', value: 'TIME', doc: 'Not before this time (ISO 8601).' },
  to: { type: 'string', value: 'TIME', doc: 'Before this time (ISO 8601).' },
  limit: { type: 'string', value: 'N', doc: 'At most so many.' },
} as const satisfies Record<string, OptionSpec>;

function filter({ values }: Invocation): Record<string, string> {
  // `code` in a query could be taken for the function key.
  const given = Object.keys(filterOptions).map(
    (name) => [name === 'code' ? 'errorCode' : name, text(values, name)] as const,
  );
  return Object.fromEntries(given.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function listLetters(invocation: Invocation): Promise<ExitCode> {
  const { api, deps, json, values } = invocation;
  const query = { ...filter(invocation), continuation: text(values, 'continuation') };
  const { json: answer } = await api.call({ method: 'GET', path: '/dead-letters', query });
  const page = answer as { readonly letters: readonly Row[]; readonly continuation?: string };
  if (json) {
    deps.output.out(toJson(page));
    return exitCodes.ok;
  }
  const rows = page.letters.map((one) => [
    one['time'],
    one['source'],
    one['kind'],
    one['serviceCode'] ?? one['code'],
    `${one['database']}.${one['table']}`,
    `${one['partition']}/${one['offset']}`,
    one['replayedAtMs'] === undefined ? '' : 'yes',
    one['message'],
  ]);
  const headings = ['TIME', 'SOURCE', 'KIND', 'CODE', 'TARGET', 'POSITION', 'REPLAYED', 'MESSAGE'];
  deps.output.out(rows.length === 0 ? 'There are no dead letters.' : formatTable(headings, rows));
  if (page.continuation !== undefined) {
    deps.output.out(`There are more: add --continuation ${page.continuation}`);
  }
  return exitCodes.ok;
}

async function replayLetters(invocation: Invocation): Promise<ExitCode> {
  const { api, deps, json } = invocation;
  const { limit, ...rest } = filter(invocation);
  const body = JSON.stringify({ ...rest, ...(limit === undefined ? {} : { limit: Number(limit) }) });
  const headers = { 'content-type': 'application/json' };
  const answer = await api.call({ method: 'POST', path: '/dead-letters/replay', headers, body });
  const result = answer.json as { readonly failed?: number } & Row;
  deps.output.out(json ? toJson(result) : formatFacts(result));
  return (result.failed ?? 0) > 0 ? exitCodes.failed : exitCodes.ok;
}

export const deadLetterCommands: readonly Command[] = [
  {
    name: 'dead-letters list',
    usage: 'dead-letters list [filters]',
    summary: 'List what could not be ingested, with the reason and the position in the source.',
    details: ['With --json each letter has its original bytes (bodyBase64).'],
    options: {
      ...filterOptions,
      continuation: { type: 'string', value: 'TOKEN', doc: 'Goes on where the last page ended.' },
    },
    positionals: { min: 0, max: 0 },
    run: listLetters,
  },
  {
    name: 'dead-letters replay',
    usage: 'dead-letters replay [filters]',
    summary: 'Send a selection through the whole path again, once its cause is mended.',
    details: ['What succeeds is marked, nothing is deleted. Exit code 1 when some of it failed again.'],
    options: filterOptions,
    positionals: { min: 0, max: 0 },
    run: replayLetters,
  },
];

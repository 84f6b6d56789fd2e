import type { Config, MappingDefinition, TableDefinition } from '../config/types.js';
import { parseTimeSpan } from '../config/units.js';
import * as commands from '../kusto/commands.js';
import type { KustoClient } from '../kusto/ports.js';
import type { Row } from '../kusto/rows.js';
import { KfError } from '../runtime/errors.js';
import { type KustoState, type MappingState, readKustoState, told } from './kusto-state.js';

export type Outcome = 'created' | 'changed' | 'unchanged' | 'failed';

/** One thing that `apply` looked after. */
export interface ApplyStep {
  /** Such as `Samples.Flights`. */
  readonly table: string;
  /** Such as `table`, `mapping FlightsMapping`, `policy ingestionbatching`. */
  readonly what: string;
  readonly outcome: Outcome;
  /** What was done, or why it failed. */
  readonly message: string;
}

export interface ApplyResult {
  readonly ok: boolean;
  readonly steps: readonly ApplyStep[];
}

export interface ApplyDeps {
  readonly client: KustoClient;
  readonly state: KustoState;
}

/** Longest time for one command that changes something. */
const commandTimeoutMs = 60_000;

interface Work {
  readonly what: string;
  /** Undefined when there is nothing to do. */
  readonly plan: () => Promise<
    { readonly outcome: Outcome; readonly text: string; readonly message: string } | undefined
  >;
  /** After the change. */
  readonly afterwards?: () => Promise<unknown>;
}

function conflictOf(wanted: TableDefinition, there: Readonly<Record<string, string>>): string | undefined {
  const column = Object.entries(wanted.columns).find(
    ([name, type]) => Object.hasOwn(there, name) && there[name] !== type,
  );
  return column === undefined
    ? undefined
    : `column ${column[0]} is ${there[column[0]]} and cannot become ${column[1]}; correct the file, or make a new column`;
}

function tableWork({ state }: ApplyDeps, table: TableDefinition): Work {
  return {
    what: 'table',
    plan: async () => {
      const text = commands.createMergeTable(table);
      if (!(await state.tables(table.database)).has(table.name)) {
        return { outcome: 'created', text, message: `${Object.keys(table.columns).length} columns` };
      }
      const there = await state.columns(table);
      const conflict = conflictOf(table, there);
      if (conflict !== undefined) {
        throw new Error(conflict);
      }
      const added = Object.keys(table.columns).filter((name) => !Object.hasOwn(there, name));
      return added.length === 0
        ? undefined
        : { outcome: 'changed', text, message: `added ${added.join(', ')}` };
    },
  };
}

const facts = ['column', 'path', 'ordinal', 'constvalue', 'field', 'transform', 'datatype'] as const;

/** A mapping element by its facts, for comparison: empty and missing are the same, and so are 0 and "0". */
function normal(row: Row): string {
  return JSON.stringify(facts.map((fact) => String(row[fact] ?? '')));
}

function sameMapping(there: MappingState | undefined, wanted: MappingDefinition): boolean {
  const lower = (column: object): Row =>
    Object.fromEntries(Object.entries(column).map(([key, value]) => [key.toLowerCase(), value]));
  return (
    there !== undefined &&
    JSON.stringify(there.columns.map(normal)) ===
      JSON.stringify(wanted.columns.map((one) => normal(lower(one))))
  );
}

function mappingWork({ state }: ApplyDeps, table: TableDefinition, mapping: MappingDefinition): Work {
  return {
    what: `mapping ${mapping.name}`,
    plan: async () => {
      const all = await state.mappings(table, mapping.kind).catch(() => []);
      const there = all.find(({ name }) => name === mapping.name);
      return sameMapping(there, mapping)
        ? undefined
        : {
            outcome: there === undefined ? 'created' : 'changed',
            text: commands.createOrAlterMapping(table, mapping),
            message: `${mapping.columns.length} columns, ${mapping.kind}`,
          };
    },
  };
}

/** Equal as the service sees it: time spans by their length, everything else by its text. */
function sameValue(left: unknown, right: unknown): boolean {
  const [a, b] = [String(left), String(right)];
  const span = parseTimeSpan(a);
  return span === undefined ? a.toLowerCase() === b.toLowerCase() : span === parseTimeSpan(b);
}

const includes = (there: Row | undefined, wanted: Readonly<Record<string, unknown>>): boolean =>
  there !== undefined && Object.entries(wanted).every(([key, value]) => sameValue(value, there[key]));

/** `{Value: "7.00:00:00"}` and `"7.00:00:00"` are both met. */
function hotSpan(policy: Row | undefined): unknown {
  const span = policy?.['DataHotSpan'];
  return span !== null && typeof span === 'object' ? (span as Row)['Value'] : span;
}

/** The value at the end of a policy command. */
const shown = (text: string): string => text.replace(/^.* policy \w+ /, '').replaceAll(/^"|"$|\\/g, '');

function policyWork(
  deps: ApplyDeps,
  table: TableDefinition,
  policy: {
    readonly name: commands.PolicyName;
    readonly text: string;
    readonly isMet: (there: Row | undefined) => boolean;
  },
): Work {
  return {
    what: `policy ${policy.name}`,
    plan: async () => {
      const there = await deps.state.tablePolicy(table, policy.name).catch(() => undefined);
      return policy.isMet(there)
        ? undefined
        : {
            outcome: there === undefined ? 'created' : 'changed',
            text: policy.text,
            message: shown(policy.text),
          };
    },
    // Only makes the change count sooner; who may not do it waits a few minutes.
    ...(policy.name === 'ingestionbatching'
      ? {
          afterwards: () =>
            deps.client
              .ingestCommand(table.database, commands.refreshBatchingPolicy(table), {
                timeoutMs: commandTimeoutMs,
              })
              .catch(() => undefined),
        }
      : {}),
  };
}

function policiesWork(deps: ApplyDeps, table: TableDefinition): Work[] {
  const { streamingIngestion, ingestionBatching, retention, caching, ingestionTime } = table.policies as {
    readonly streamingIngestion?: boolean;
    readonly ingestionBatching?: Readonly<Record<string, unknown>>;
    readonly retention?: { readonly SoftDeletePeriod?: string; readonly Recoverability?: string };
    readonly caching?: string;
    readonly ingestionTime?: boolean;
  };
  const work = (name: commands.PolicyName, text: string, isMet: (there: Row | undefined) => boolean): Work =>
    policyWork(deps, table, { name, text, isMet });
  return [
    ...(streamingIngestion === undefined
      ? []
      : [
          work('streamingingestion', commands.alterStreaming(table, streamingIngestion), (there) =>
            includes(there, { IsEnabled: streamingIngestion }),
          ),
        ]),
    ...(ingestionBatching === undefined
      ? []
      : [
          work(
            'ingestionbatching',
            commands.alterMergePolicy(table, 'ingestionbatching', ingestionBatching),
            (there) => includes(there, ingestionBatching),
          ),
        ]),
    ...(retention === undefined
      ? []
      : [
          work('retention', commands.alterRetention(table, retention), (there) =>
            includes(there, { ...retention }),
          ),
        ]),
    ...(caching === undefined
      ? []
      : [
          work('caching', commands.alterCaching(table, caching), (there) =>
            sameValue(caching, hotSpan(there)),
          ),
        ]),
    ...(ingestionTime === undefined
      ? []
      : [
          work('ingestiontime', commands.alterIngestionTime(table, ingestionTime), (there) =>
            includes(there, { IsEnabled: ingestionTime }),
          ),
        ]),
  ];
}

/** Nothing else can succeed either. */
const hopeless: ReadonlySet<string> = new Set([
  'KUSTO_UNREACHABLE',
  'KUSTO_UNAUTHORIZED',
  'AUTH_FAILED',
  'CANCELLED',
]);

async function carryOut(deps: ApplyDeps, table: TableDefinition, work: Work): Promise<ApplyStep> {
  const at = { table: `${table.database}.${table.name}`, what: work.what };
  try {
    const plan = await work.plan();
    if (plan === undefined) {
      return { ...at, outcome: 'unchanged', message: 'as it should be' };
    }
    await deps.client.command(table.database, plan.text, { timeoutMs: commandTimeoutMs });
    await work.afterwards?.();
    return { ...at, outcome: plan.outcome, message: plan.message };
  } catch (error) {
    if (error instanceof KfError && hopeless.has(error.code)) {
      throw error;
    }
    return { ...at, outcome: 'failed', message: told(error) };
  }
}

/** Brings one table to its definition. Without the table nothing else is tried. */
export async function applyTable(
  deps: ApplyDeps,
  table: TableDefinition,
  onStep: (step: ApplyStep) => void = () => undefined,
): Promise<ApplyStep[]> {
  const rest = [
    ...table.mappings.map((mapping) => mappingWork(deps, table, mapping)),
    ...policiesWork(deps, table),
  ];
  const steps: ApplyStep[] = [];
  for (const work of [tableWork(deps, table), ...rest]) {
    const step = await carryOut(deps, table, work);
    steps.push(step);
    onStep(step);
    if (work.what === 'table' && step.outcome === 'failed') {
      break;
    }
  }
  return steps;
}

/**
 * Creates or brings up to date every table of `tables`, with mappings and policies. A repeat changes nothing; what
 * is right already is not touched; a failure of one table does not keep the others from their turn.
 * @throws KUSTO_UNREACHABLE, KUSTO_UNAUTHORIZED, AUTH_FAILED when nothing can succeed.
 */
export async function applyTables(
  client: KustoClient,
  config: Config,
  onStep?: (step: ApplyStep) => void,
): Promise<ApplyResult> {
  const steps: ApplyStep[] = [];
  const state = readKustoState(client);
  for (const table of config.tables) {
    steps.push(...(await applyTable({ client, state }, table, onStep)));
  }
  return { ok: steps.every(({ outcome }) => outcome !== 'failed'), steps };
}

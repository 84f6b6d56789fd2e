import { KustoError } from '../../errors.js';
import type { ScalarType } from '../../store/types.js';
import type { Env } from '../bind/env.js';
import { nameOf } from '../bind/literals.js';
import { NameMaker } from '../bind/naming.js';
import { semanticError } from '../failures.js';
import { elements, need, type Syntax, sourceText } from '../parser/syntax.js';
import type { Batch, PlanColumn, Rel } from '../plan/types.js';
import { type ColumnSource, makeBatch } from '../vector/batch.js';
import { constantVector } from '../vector/build.js';
import { matchesWildcard } from './columns.js';
import type { OperatorBinder } from './define.js';
import { operatorParameters } from './parameters.js';

interface Source {
  readonly rel: Rel;
  readonly name: string;
}

function isWildcard(node: Syntax): boolean {
  return node.kind === 'NameReference' && node.children[0]?.kind === 'WildcardedName';
}

/** Tables of the database, and the query's own views, whose names fit. */
function wildcardSources(pattern: string, env: Env): Source[] {
  const tables = env.session.catalog.tables(env.database).map((table) => table.name);
  const names = [...env.scope.views(), ...tables].filter((name) => matchesWildcard(pattern, name));
  return names.map((name) => ({ rel: env.session.binder.table(tableReference(name), env), name }));
}

/** A reference to a table by name, as the parser would have made it. */
function tableReference(name: string): Syntax {
  const source = name;
  const token: Syntax = {
    kind: 'TokenName',
    role: 'Name',
    text: name,
    start: 0,
    end: name.length,
    children: [],
    source,
  };
  return { kind: 'NameReference', role: '', text: '', start: 0, end: name.length, children: [token], source };
}

function sourcesOf(node: Syntax, env: Env, { fuzzy, before }: { fuzzy: boolean; before: number }): Source[] {
  const sources: Source[] = [];
  elements(node, 'Expressions').forEach((item, index) => {
    if (isWildcard(item)) {
      const found = wildcardSources(nameOf(item), env);
      if (found.length === 0 && !fuzzy) {
        throw semanticError('SEM0100', `'union' operator: no table matches '${nameOf(item)}'`);
      }
      sources.push(...found);
      return;
    }
    const inner = item.kind === 'ParenthesizedExpression' ? need(item, 'Expression') : item;
    const named = inner.kind === 'NameReference' || inner.kind === 'PathExpression';
    const name = named ? sourceText(inner.kind === 'PathExpression' ? need(inner, 'Selector') : inner) : '';
    try {
      const rel = env.session.binder.table(item, env);
      sources.push({ rel, name: name === '' ? `union_arg${before + index}` : name });
    } catch (error) {
      if (!fuzzy || !(error instanceof KustoError) || error.innerCode !== 'SEM0100') throw error;
    }
  });
  if (sources.length === 0) throw semanticError('SEM0100', "'union' operator: no table is left to read");
  return sources;
}

interface OutputColumn {
  readonly column: PlanColumn;
  /** Name and type in the inputs. */
  readonly name: string;
}

/** Columns by name; a name with several types gives one column per type. */
function outerColumns(sources: readonly Source[]): OutputColumn[] {
  const types = new Map<string, ScalarType[]>();
  const order: { name: string; type: ScalarType; hidden: boolean }[] = [];
  for (const { rel } of sources) {
    for (const { name, type, hidden } of rel.schema) {
      const known = types.get(name) ?? [];
      if (known.includes(type)) continue;
      types.set(name, [...known, type]);
      order.push({ name, type, hidden: hidden === true });
    }
  }
  order.sort((a, b) => Number(a.hidden) - Number(b.hidden));
  const clashes = (name: string) => types.get(name)!.length > 1;
  const maker = new NameMaker(order.map(({ name }) => name).filter((name) => !clashes(name)));
  return order
    .sort((a, b) => firstPosition(order, a.name) - firstPosition(order, b.name))
    .map(({ name, type, hidden }) => ({
      column: {
        name: clashes(name) ? maker.unique(`${name}_${type}`) : name,
        type,
        ...(hidden ? { hidden } : {}),
      },
      name,
    }));
}

function firstPosition(order: readonly { readonly name: string }[], name: string): number {
  return order.findIndex((column) => column.name === name);
}

function innerColumns(sources: readonly Source[]): OutputColumn[] {
  return outerColumns(sources).filter(({ name, column }) =>
    sources.every(({ rel }) => rel.schema.some((own) => own.name === name && own.type === column.type)),
  );
}

function reader(source: Rel, columns: readonly OutputColumn[]): (batch: Batch) => ColumnSource[] {
  const positions = columns.map(({ column, name }) =>
    source.schema.findIndex((own) => own.name === name && own.type === column.type),
  );
  return (batch) =>
    positions.map((position, index) =>
      position >= 0
        ? () => batch.column(position)
        : () => constantVector(columns[index]!.column.type, null, batch.rowCount),
    );
}

function united(sources: readonly Source[], parameters: ReadonlyMap<string, string>): Rel {
  const columns = parameters.get('kind') === 'inner' ? innerColumns(sources) : outerColumns(sources);
  const label = parameters.get('withsource') ?? parameters.get('with_source');
  const known = sources.every(({ rel }) => rel.knownRows !== undefined);
  const schema: PlanColumn[] = [
    ...(label === undefined ? [] : [{ name: label, type: 'string' as const }]),
    ...columns.map(({ column }) => column),
  ];
  return {
    schema,
    ordered: false,
    ...(known ? { knownRows: sources.reduce((sum, { rel }) => sum + rel.knownRows!, 0) } : {}),
    async *open(run) {
      for (const { rel, name } of sources) {
        const read = reader(rel, columns);
        for await (const batch of rel.open(run)) {
          const head = label === undefined ? [] : [constantVector('string', name, batch.rowCount)];
          yield makeBatch(batch.rowCount, [...head, ...read(batch)]);
        }
      }
    },
  };
}

const PARAMETERS = ['kind', 'withsource', 'with_source', 'isfuzzy'];

function bindUnion(first: readonly Source[], node: Syntax, env: Env): Rel {
  const parameters = operatorParameters(node, 'union', PARAMETERS);
  const fuzzy = parameters.get('isfuzzy') === 'true';
  const inside = { ...env, columns: [], operator: 'union' };
  const rest = sourcesOf(node, inside, { fuzzy, before: first.length });
  return united([...first, ...rest], parameters);
}

export function unionSource(node: Syntax, env: Env): Rel {
  return bindUnion([], node, env);
}

export const unionOperator: OperatorBinder = (input, node, env) =>
  bindUnion([{ rel: input, name: 'union_arg0' }], node, env);

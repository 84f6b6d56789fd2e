import type { Cell } from '../../store/types.js';
import { datetimeOrNull } from '../../values/datetime.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { nodeOf } from '../conversion/nodes.js';
import { castExpr, columnExpr, constantExpr, constantValue, rowExpr } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import type { Syntax } from '../parser/syntax.js';
import type { Expr } from '../plan/types.js';
import { columnIndex, type Env } from './env.js';
import { EXTENT_COLUMNS } from './extent-columns.js';
import { outputName } from './naming.js';

type SiteFunction = (args: readonly Syntax[], env: Env) => Expr;

/** Functions that need the place they are called in: time, extent properties, columns by name. */
export const siteFunctions = new Map<string, SiteFunction>();

function extentProperty(index: number): SiteFunction {
  const { name, type } = EXTENT_COLUMNS[index]!;
  return (_args, env) => {
    const position = env.columns.findIndex((column) => column.name === name);
    return position < 0 ? constantExpr(type, null) : columnExpr(position, type);
  };
}

siteFunctions.set('ingestion_time', extentProperty(0));
siteFunctions.set('extent_id', extentProperty(1));
siteFunctions.set('extentid', extentProperty(1));
siteFunctions.set('extent_tags', extentProperty(2));

function timespanArgument(node: Syntax, env: Env): Expr {
  const arg = env.session.binder.scalar(node, env);
  if (arg.type !== 'timespan' && arg.type !== 'dynamic') {
    throw semanticError('SEM0234', `argument must be a timespan value, not one of type ${arg.type}`);
  }
  return castExpr(arg, 'timespan');
}

siteFunctions.set('now', (args, env) => {
  const { now } = env.session;
  if (args.length === 0) return constantExpr('datetime', now);
  const add = (offset?: Cell) => datetimeOrNull(now + (offset as bigint));
  return rowExpr('datetime', [timespanArgument(args[0]!, env)], add, { strict: true });
});

siteFunctions.set('ago', (args, env) => {
  if (args.length !== 1)
    throw semanticError('SEM0219', `ago(): function expects 1 argument(s), got ${args.length}`);
  const back = (offset?: Cell) => datetimeOrNull(env.session.now - (offset as bigint));
  return rowExpr('datetime', [timespanArgument(args[0]!, env)], back, { strict: true });
});

/** A cursor is the decimal text of ticks; the empty text stands before everything. */
siteFunctions.set('cursor_current', (_args, env) => {
  env.session.usedCursor = true;
  return constantExpr('string', env.session.cursors.current);
});
siteFunctions.set('current_cursor', siteFunctions.get('cursor_current')!);

function cursorTicks(text: string): bigint {
  if (text === '') return -1n;
  if (!/^\d{1,19}$/.test(text)) throw semanticError('SEM0099', `'${text}' is not a database cursor`);
  return BigInt(text);
}

interface CursorRule {
  readonly fallback: 'after' | 'beforeOrAt';
  readonly keep: (ingested: bigint, cursor: bigint) => boolean;
}

function cursorArgument(args: readonly Syntax[], env: Env, fallback: CursorRule['fallback']): Expr {
  const [given] = args;
  if (given !== undefined) return castExpr(env.session.binder.scalar(given, env), 'string');
  const cursor = env.session.cursors[fallback];
  if (cursor === undefined)
    throw semanticError('SEM0099', 'A cursor function needs a cursor or a default by option');
  return constantExpr('string', cursor);
}

function cursorFilter({ fallback, keep }: CursorRule): SiteFunction {
  return (args, env) => {
    env.session.usedCursor = true;
    return rowExpr(
      'bool',
      [extentProperty(0)([], env), cursorArgument(args, env, fallback)],
      (ingested, text) => ingested !== null && keep(ingested as bigint, cursorTicks(text as string)),
      { strict: false },
    );
  };
}

siteFunctions.set(
  'cursor_after',
  cursorFilter({ fallback: 'after', keep: (ingested, cursor) => ingested > cursor }),
);
siteFunctions.set(
  'cursor_before_or_at',
  cursorFilter({ fallback: 'beforeOrAt', keep: (ingested, cursor) => ingested <= cursor }),
);

function columnIfExists(args: readonly Syntax[], env: Env): Expr {
  const name = constantValue(env.session.binder.scalar(args[0]!, { ...env, columns: [] })) as string;
  const index = columnIndex(env.columns, name);
  if (index >= 0) return columnExpr(index, env.columns[index]!.type);
  return env.session.binder.scalar(args[1]!, env);
}

siteFunctions.set('column_ifexists', columnIfExists);
siteFunctions.set('columnifexists', columnIfExists);

function packed(names: readonly string[], exprs: readonly Expr[], skipEmpty = false): Expr {
  const types = exprs.map((expr) => expr.type);
  return rowExpr(
    'dynamic',
    exprs,
    (...cells) => {
      const bag = new Map();
      cells.forEach((cell, index) => {
        if (skipEmpty && (cell === null || cell === '')) return;
        bag.set(names[index]!, nodeOf(types[index]!, cell));
      });
      return dynamicFromNode(bag);
    },
    { strict: false },
  );
}

siteFunctions.set('pack_all', (args, env) => {
  const skip = args.length > 0 && constantValue(env.session.binder.scalar(args[0]!, env)) === true;
  const visible = env.columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => column.hidden !== true);
  return packed(
    visible.map(({ column }) => column.name),
    visible.map(({ column, index }) => columnExpr(index, column.type)),
    skip,
  );
});

siteFunctions.set('bag_pack_columns', (args, env) =>
  packed(
    args.map((arg) => outputName(arg) ?? ''),
    args.map((arg) => env.session.binder.scalar(arg, env)),
  ),
);

siteFunctions.set('current_database', (_args, env) => constantExpr('string', env.database));

import { notSupported } from '../../errors.js';
import type { Cell, ScalarType } from '../../store/types.js';
import { type Env, withRows } from '../bind/env.js';
import { literalOf, nameOf, typeOf } from '../bind/literals.js';
import { castCell } from '../conversion/cast.js';
import { castExpr, columnExpr } from '../expressions/basic.js';
import { compileRegex, escapeRegex } from '../expressions/regex.js';
import { semanticError } from '../failures.js';
import { elements, need, type Syntax, sourceText } from '../parser/syntax.js';
import type { Batch, Expr, Rel } from '../plan/types.js';
import { takeRows } from '../vector/batch.js';
import { vectorOf } from '../vector/build.js';
import { computed, hiddenColumns, inputBatches, type OperatorBinder, visibleColumns } from './define.js';
import { operatorParameters } from './parameters.js';

interface Target {
  readonly name: string;
  readonly type: ScalarType;
}

interface Pattern {
  readonly regex: RegExp;
  readonly targets: readonly Target[];
  /** A value that does not convert becomes null by itself; otherwise the whole row fails. */
  readonly relaxed: boolean;
}

interface PatternStyle {
  readonly kind: string;
  readonly flags: string;
}

const NUMBER_TEXT: Partial<Record<ScalarType, string>> = {
  long: '[-+]?\\d+',
  int: '[-+]?\\d+',
  real: '[-+]?\\d+(?:\\.\\d+)?(?:[eE][-+]?\\d+)?',
  decimal: '[-+]?\\d+(?:\\.\\d+)?',
  bool: '[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[01]',
};

function capture(index: number, type: ScalarType, style: PatternStyle): string {
  const any = style.kind === 'regex' && !style.flags.includes('U') ? '.*' : '.*?';
  const number = NUMBER_TEXT[type];
  if (number === undefined) return `(?<c${index}>${any})`;
  return style.kind === 'relaxed' ? `(?<c${index}>${number}|${any})` : `(?<c${index}>${number})`;
}

function literalPattern(node: Syntax, style: PatternStyle): string {
  const text = literalOf(node)?.value as string;
  if (style.kind !== 'regex') return escapeRegex(text);
  if (style.flags.includes('U') && /[*+?}]/.test(text.replaceAll(/\\./g, ''))) {
    throw notSupported('the flag U of operator `parse` with quantifiers inside a regular expression');
  }
  return `(?:${text})`;
}

function bindPattern(nodes: readonly Syntax[], style: PatternStyle): Pattern {
  const targets: Target[] = [];
  const add = (name: string, type: ScalarType): string => {
    targets.push({ name, type });
    return capture(targets.length - 1, type, style);
  };
  const parts = nodes.map((node) => {
    switch (node.kind) {
      case 'StarExpression':
        return '.*?';
      case 'NameAndTypeDeclaration':
        return add(nameOf(need(node, 'Name')), typeOf(need(node, 'Type')));
      case 'NameDeclaration':
        return add(nameOf(node), 'string');
      case 'StringLiteralExpression':
      case 'CompoundStringLiteralExpression':
        return literalPattern(node, style);
      default:
        throw semanticError('SEM0100', `'parse' operator: '${sourceText(node)}' cannot stand in a pattern`);
    }
  });
  const flags = style.kind === 'regex' ? style.flags.replace('U', '') : 's';
  if (/[^ims]/.test(flags)) throw notSupported(`the flags '${flags}' of operator \`parse\``);
  return { regex: compileRegex(`^${parts.join('')}$`, flags), targets, relaxed: style.kind === 'relaxed' };
}

/** The cells of one text, or `undefined` when it does not match. */
function parseText(text: string, { regex, targets, relaxed }: Pattern): Cell[] | undefined {
  regex.lastIndex = 0;
  const groups = regex.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const cells: Cell[] = [];
  for (let index = 0; index < targets.length; index++) {
    const { type } = targets[index]!;
    const found = groups[`c${index}`] ?? '';
    const cell = type === 'string' ? found : (castCell('string', type)?.(found.trim()) ?? null);
    if (cell === null && !relaxed) return undefined;
    cells.push(cell);
  }
  return cells;
}

interface Parsed {
  readonly cells: Cell[][];
  readonly matched: number[];
}

function parseBatch(batch: Batch, text: Expr, pattern: Pattern): Parsed {
  const vector = text.evaluate(batch);
  const cells: Cell[][] = pattern.targets.map(() => []);
  const matched: number[] = [];
  for (let row = 0; row < batch.rowCount; row++) {
    const found = parseText(vector.get(row) as string, pattern);
    if (found !== undefined) matched.push(row);
    cells.forEach((list, index) => {
      list.push(found?.[index] ?? null);
    });
  }
  return { cells, matched };
}

function layout(input: Rel, targets: readonly Target[]) {
  const columns = visibleColumns(input.schema).map(({ column, index }) => ({
    ...column,
    from: index,
    target: -1,
  }));
  targets.forEach(({ name, type }, target) => {
    const at = columns.findIndex((column) => column.name === name);
    const column = { name, type, from: -1, target };
    if (at >= 0) columns[at] = column;
    else columns.push(column);
  });
  return [
    ...columns,
    ...hiddenColumns(input.schema).map(({ column, index }) => ({ ...column, from: index, target: -1 })),
  ];
}

function parsed(input: Rel, text: Expr, options: { pattern: Pattern; dropUnmatched: boolean }): Rel {
  const { pattern, dropUnmatched } = options;
  const columns = layout(input, pattern.targets);
  return {
    schema: columns.map(({ from: _, target: __, ...column }) => column),
    ordered: input.ordered,
    async *open(run) {
      for await (const batch of inputBatches(input, run, false)) {
        const { cells, matched } = parseBatch(batch, text, pattern);
        const vectors = pattern.targets.map((target, index) => vectorOf(target.type, cells[index]!));
        const whole = computed(
          batch,
          columns.map(({ from, target, type }) =>
            target < 0 ? columnExpr(from, type) : { type, constant: false, evaluate: () => vectors[target]! },
          ),
        );
        if (!dropUnmatched) yield whole;
        else if (matched.length > 0) yield takeRows(whole, columns.length, Uint32Array.from(matched));
      }
    },
  };
}

function parseBinder(dropUnmatched: boolean): OperatorBinder {
  return (input, node, env: Env) => {
    const parameters = operatorParameters(node, 'parse', ['kind', 'flags']);
    const style = { kind: parameters.get('kind') ?? 'simple', flags: parameters.get('flags') ?? '' };
    if (!['simple', 'regex', 'relaxed'].includes(style.kind)) {
      throw semanticError(
        'SEM0100',
        `'parse' operator: kind must be simple, regex or relaxed, not ${style.kind}`,
      );
    }
    const inside = withRows(env, input.schema, 'parse');
    const text = castExpr(env.session.binder.scalar(need(node, 'Expression'), inside), 'string');
    return parsed(input, text, { pattern: bindPattern(elements(node, 'Patterns'), style), dropUnmatched });
  };
}

export const parseOperator = parseBinder(false);
export const parseWhereOperator = parseBinder(true);

import { createColumnBuilder, type WideBuilder } from '../store/builders.js';
import { constantColumn, nullColumn } from '../store/row-set.js';
import type { Column, RowSet } from '../store/types.js';
import { createField, type Field } from './field.js';
import type { PathStep } from './json-path.js';
import type { Target } from './plan.js';

/** A column fed from the place `path` (or `ordinal`) of each record. */
export interface BoundField {
  readonly field: Field;
  readonly ordinal: number;
  readonly path: readonly PathStep[];
}

/** Gathers records into the columns of the table. */
export class RowSink {
  readonly bound: readonly BoundField[];
  rows = 0;
  private readonly targets: readonly Target[];
  private readonly fields = new Map<Target, Field>();
  private readonly lines: WideBuilder | undefined;
  private readonly location: string;

  constructor(targets: readonly Target[], location: string) {
    this.targets = targets;
    this.location = location;
    const bound: BoundField[] = [];
    for (const target of targets) {
      const { source } = target;
      if (source.kind !== 'ordinal' && source.kind !== 'path') continue;
      const field = createField(target);
      this.fields.set(target, field);
      bound.push({
        field,
        ordinal: source.kind === 'ordinal' ? source.ordinal : -1,
        path: source.kind === 'path' ? source.path : [],
      });
    }
    this.bound = bound;
    this.lines = targets.some(({ source }) => source.kind === 'line')
      ? createColumnBuilder('long')
      : undefined;
  }

  /** Ends a record that stood in the given line of its source, counted from 1. */
  endRow(line: number): void {
    this.rows++;
    this.lines?.appendSafe(line);
  }

  finish(): RowSet {
    const columns = this.targets.map((target) => this.column(target));
    return { schema: this.targets.map((target) => target.column), columns, rowCount: this.rows };
  }

  private column(target: Target): Column {
    const { column, source } = target;
    switch (source.kind) {
      case 'missing':
        return nullColumn(column.type, this.rows);
      case 'constant':
        return constantColumn(column.type, source.cell, this.rows);
      case 'location':
        return column.type === 'string'
          ? constantColumn('string', this.location, this.rows)
          : nullColumn(column.type, this.rows);
      case 'line':
        return column.type === 'long' ? this.lines!.finish() : nullColumn(column.type, this.rows);
      default:
        return this.fields.get(target)!.finish();
    }
  }
}

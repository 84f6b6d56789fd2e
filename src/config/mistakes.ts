import { KfError } from '../runtime/errors.js';

export type Path = readonly (string | number)[];

/** One thing that is wrong in pipeline.yaml or the app settings. */
export interface Mistake {
  /** Such as `sources[0].route.format`; empty for the file itself. */
  readonly path: string;
  /** What is wrong, and what would be right. */
  readonly problem: string;
  readonly line?: number;
  readonly column?: number;
  /** The app setting that has no value, when that is the mistake. */
  readonly missingSetting?: string;
}

/** Most mistakes that are listed. */
const maxMistakes = 100;

export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    const plain = typeof part === 'string' && /^[A-Za-z_$][\w$-]*$/.test(part);
    const next = typeof part === 'number' ? `[${part}]` : plain ? `.${part}` : `[${JSON.stringify(part)}]`;
    return text === '' && plain ? part : text + next;
  }, '');
}

/** One line for people: `pipeline.yaml:14:7 sources[0].route.fromat: …`. */
export function formatMistake(file: string, mistake: Mistake): string {
  const place = mistake.line === undefined ? file : `${file}:${mistake.line}:${mistake.column ?? 1}`;
  return mistake.path === '' ? `${place} ${mistake.problem}` : `${place} ${mistake.path}: ${mistake.problem}`;
}

/** All mistakes as one error. */
export function configError(file: string, mistakes: readonly Mistake[]): KfError {
  const listed = mistakes.slice(0, maxMistakes).map((mistake) => `  ${formatMistake(file, mistake)}`);
  const left = mistakes.length - listed.length;
  const more = left > 0 ? [`  … and ${left} more`] : [];
  const onlySettings = mistakes.every(({ missingSetting }) => missingSetting !== undefined);
  const head = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
  const code = onlySettings ? 'CONFIG_SETTING_MISSING' : 'CONFIG_INVALID';
  return new KfError(code, [`${head} in ${file}:`, ...listed, ...more].join('\n'), {
    fields: { mistakes: mistakes.length },
  });
}

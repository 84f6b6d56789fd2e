import { parseArgs } from 'node:util';

export interface SuiteOptions {
  readonly seed: number;
  readonly json: boolean;
  readonly values: Readonly<Record<string, string | undefined>>;
}

/** Options every suite with a command of its own takes: `--seed N --json`, and numbers of its own. */
export function suiteOptions(name: string, own: Readonly<Record<string, string>> = {}): SuiteOptions {
  const options: Record<string, { type: 'string' } | { type: 'boolean' }> = {
    seed: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  };
  for (const key of Object.keys(own)) {
    options[key] = { type: 'string' };
  }
  const { values } = parseArgs({ options });
  if (values.help === true) {
    const lines = Object.entries({
      seed: 'seed of everything drawn by chance',
      json: 'one JSON document',
      ...own,
    });
    console.log(
      `npm run ${name} -- [options]\n${lines.map(([key, text]) => `  --${key}  ${text}`).join('\n')}`,
    );
    process.exit(0);
  }
  const texts = Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === 'string'));
  return {
    seed: Number(texts.seed ?? 1),
    json: values.json === true,
    values: texts as Record<string, string>,
  };
}

/** A small seeded generator (mulberry32): numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One figure of `npm run bench`. `goal` is text such as `<= 1.3`; `met` is absent where there is no goal. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: string;
  readonly met?: boolean;
  readonly note?: string;
}

export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(say: (line: string) => void): Promise<readonly Measure[]>;
}

type Figure = Pick<Measure, 'name' | 'value' | 'unit' | 'note'>;

/** A figure against an upper bound. */
export function atMost(limit: number, figure: Figure): Measure {
  return { ...figure, goal: `<= ${limit}`, met: figure.value <= limit };
}

/** A figure against a lower bound. */
export function atLeast(limit: number, figure: Figure): Measure {
  return { ...figure, goal: `>= ${limit}`, met: figure.value >= limit };
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((rank / 100) * sorted.length) - 1)] ?? Number.NaN;
}

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

/** Value against an upper bound. */
export function atMost(name: string, value: number, unit: string, limit: number, note?: string): Measure {
  return {
    name,
    value,
    unit,
    goal: `<= ${limit}`,
    met: value <= limit,
    ...(note === undefined ? {} : { note }),
  };
}

/** Value against a lower bound. */
export function atLeast(name: string, value: number, unit: string, limit: number, note?: string): Measure {
  return {
    name,
    value,
    unit,
    goal: `>= ${limit}`,
    met: value >= limit,
    ...(note === undefined ? {} : { note }),
  };
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((rank / 100) * sorted.length) - 1)] ?? Number.NaN;
}

import { badRequest, entityNotFound } from '../catalog/errors.js';
import { notSupported } from '../errors.js';
import type { AdjustableClock } from './clock.js';
import type { FaultAction, FaultHit, FaultRule, Faults, FaultTarget } from './types.js';

const DEFAULT_DELAY_MS = 1_000;
const MAX_RULES = 1_000;

const REQUEST_ACTIONS: readonly FaultAction[] = [
  ...(['throttle', 'transient', 'permanent', 'slow', 'loseAnswer', 'hang', 'forbid'] as const),
];
/** What can be done at each target; anything else is refused by name. */
const ACTIONS: Readonly<Record<FaultTarget, readonly FaultAction[]>> = {
  engine: REQUEST_ACTIONS,
  dm: REQUEST_ACTIONS,
  blob: REQUEST_ACTIONS,
  queue: [...REQUEST_ACTIONS, 'vanish', 'duplicate'],
  table: REQUEST_ACTIONS,
  operation: [
    'fail',
    'transient',
    'permanent',
    'throttle',
    'slow',
    'loseAnswer',
    'hang',
    'vanish',
    'duplicate',
  ],
  clock: ['advance'],
};

/** A rule as `GET /faults` shows it. */
interface FaultStatus extends FaultRule {
  readonly id: string;
  /** Events that matched, whether or not the rule then fired. */
  readonly matched: number;
  /** Times the rule fired. */
  readonly hits: number;
  /** Description of what it fired on last. */
  readonly lastHit?: string;
}

interface Entry {
  readonly id: string;
  readonly rule: FaultRule;
  readonly matches: (description: string) => boolean;
  readonly random: () => number;
  matched: number;
  hits: number;
  lastHit?: string;
}

/** Faults by rule, deterministic: what a rule does depends on its seed and on the events it saw, nothing else. */
export class FaultEngine implements Faults {
  readonly #clock: AdjustableClock;
  readonly #entries: Entry[] = [];
  #lastId = 0;

  constructor(clock: AdjustableClock) {
    this.#clock = clock;
  }

  /** Adds a rule given as JSON; `clock` rules act at once. @throws KustoError naming the field that is wrong. */
  add(body: unknown): string {
    const rule = readRule(body);
    if (this.#entries.length >= MAX_RULES) {
      throw badRequest(`no more than ${MAX_RULES} faults can be set`);
    }
    this.#lastId += 1;
    const entry: Entry = {
      id: String(this.#lastId),
      rule,
      matches: matcher(rule.match),
      random: seededRandom(rule.seed ?? 1),
      matched: 0,
      hits: 0,
    };
    this.#entries.push(entry);
    if (rule.target === 'clock') {
      entry.matched = 1;
      entry.hits = 1;
      this.#clock.advance(rule.delayMs ?? DEFAULT_DELAY_MS);
    }
    return entry.id;
  }

  list(): readonly FaultStatus[] {
    return this.#entries.map(({ id, rule, matched, hits, lastHit }) => ({
      ...{ id, ...rule, matched, hits },
      ...(lastHit !== undefined && { lastHit }),
    }));
  }

  /** Removes one rule, or all. @throws KustoError when there is no such rule. */
  remove(id?: string): void {
    if (id === undefined) {
      this.#entries.length = 0;
      return;
    }
    const at = this.#entries.findIndex((entry) => entry.id === id);
    if (at < 0) {
      throw entityNotFound('Fault', id);
    }
    this.#entries.splice(at, 1);
  }

  check(target: FaultTarget, description: string, content?: () => string | undefined): FaultHit | undefined {
    let text: string | undefined;
    let isRead = false;
    const holds = (entry: Entry): boolean => {
      if (!isRead) {
        text = content?.();
        isRead = true;
      }
      return text !== undefined && entry.matches(text);
    };
    const fired = this.#entries.find(
      (entry) => entry.rule.target === target && (entry.matches(description) || holds(entry)) && fires(entry),
    );
    if (fired === undefined) {
      return undefined;
    }
    fired.lastHit = description;
    const { action, delayMs = DEFAULT_DELAY_MS, code, message, work = 'undone' } = fired.rule;
    return { id: fired.id, action, delayMs, code, message, work };
  }
}

function fires(entry: Entry): boolean {
  const { times = Number.POSITIVE_INFINITY, probability = 1 } = entry.rule;
  if (entry.hits >= times) {
    return false;
  }
  entry.matched += 1;
  const fired = entry.random() < probability;
  entry.hits += fired ? 1 : 0;
  return fired;
}

function matcher(match: string | undefined): (description: string) => boolean {
  if (match === undefined || match === '') {
    return () => true;
  }
  const pattern = /^\/(.+)\/([imsu]{0,4})$/s.exec(match);
  if (pattern === null) {
    return (description) => description.includes(match);
  }
  try {
    const expression = new RegExp(pattern[1] as string, pattern[2]);
    return (description) => expression.test(description);
  } catch (error) {
    throw badRequest(
      `'match' is not a regular expression: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** A small generator (mulberry32): the same seed gives the same sequence on every machine. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NUMBERS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  times: [1, 1e9],
  probability: [0, 1],
  seed: [0, 2 ** 32 - 1],
  delayMs: [0, 1e12],
};
const TEXTS = ['match', 'code', 'message'];

function readRule(body: unknown): FaultRule {
  if (typeof body !== 'object' || body === null) {
    throw badRequest(
      'a fault is a JSON object {"target","match","action","times","probability","seed","delayMs"}',
    );
  }
  const { target, action, work, ...rest } = body as Readonly<Record<string, unknown>>;
  if (typeof target !== 'string' || !Object.hasOwn(ACTIONS, target)) {
    throw badRequest(`'target' must be one of ${Object.keys(ACTIONS).join(', ')}`);
  }
  const possible = ACTIONS[target as FaultTarget];
  if (!possible.includes(action as FaultAction)) {
    throw badRequest(`'action' of the target ${target} must be one of ${possible.join(', ')}`);
  }
  if (work !== undefined && (target !== 'operation' || action !== 'vanish')) {
    throw badRequest("'work' is for the action vanish of the target operation");
  }
  if (work !== undefined && work !== 'done' && work !== 'undone') {
    throw badRequest("'work' must be done or undone");
  }
  for (const [key, value] of Object.entries(rest)) {
    checkField(key, value);
  }
  return body as FaultRule;
}

function checkField(key: string, value: unknown): void {
  if (TEXTS.includes(key)) {
    if (typeof value !== 'string') {
      throw badRequest(`'${key}' must be text`);
    }
    return;
  }
  const bounds = NUMBERS[key];
  if (bounds === undefined) {
    throw notSupported(`The fault's field '${key}'`);
  }
  if (typeof value !== 'number' || value < bounds[0] || value > bounds[1]) {
    throw badRequest(`'${key}' must be a number from ${bounds[0]} to ${bounds[1]}`);
  }
}

import type { LoadLimits } from '../../../src/transactional/ports.js';
import type { LoadState, LoadStep } from '../../../src/transactional/types.js';
import type { Manners } from './service.js';
import type { Names, Site } from './site.js';

/** One way that a load can go; the enumeration puts faults at every call of it. */
export interface Path {
  readonly name: string;
  /** How it ends when nothing fails that the path does not make fail itself. */
  readonly ends: LoadState;
  readonly request?: (names: Names) => Readonly<Record<string, unknown>>;
  /** Before the load: tables, faults of the cluster. */
  readonly prepare?: (site: Site) => Promise<void>;
  readonly manners?: (names: Names) => Manners;
  /** The caller cancels just before this step runs for the first time. */
  readonly cancelAt?: LoadStep;
  /** The orchestration vanishes just before this step runs for the first time; the reaper goes on. */
  readonly loseAt?: LoadStep;
  /** What somebody else does just before this step runs for the first time. */
  readonly before?: { readonly step: LoadStep; readonly act: (site: Site) => Promise<void> };
  readonly refusesMoves?: boolean;
  readonly limits?: Partial<LoadLimits>;
  /** Rows appear one batch after the other. */
  readonly isPartial?: boolean;
  readonly isQueued?: boolean;
  /** Somebody drops the target meanwhile. */
  readonly losesTarget?: boolean;
  /** The other end that chance may bring: an append is cancelled in time, or has written already. */
  readonly orEnds?: LoadState;
  /** The target exists before. Default true. */
  readonly hasTarget?: boolean;
  readonly usesTemp?: boolean;
  /** Whether what is done to it comes in time is a matter of chance as soon as anything fails. */
  readonly isChance?: boolean;
  /** Nobody knows how many rows there are, so what the service brings twice before the count stays. */
  readonly isUncounted?: boolean;
  /** The service ingests a blob twice by itself. */
  readonly doublesRows?: boolean;
  /** So many commands that commit are throttled. */
  readonly throttlesCommits?: number;
  /** Operations that failed are told as throttled. */
  readonly saysThrottled?: boolean;
  /** Moves after so many fail for good. */
  readonly failsMovesAfter?: number;
  /** Uncompressed bytes at which an upload is cut. Default: never. */
  readonly cutBytes?: number;
}

export const COLUMNS = { n: 'long', s: 'string' } as const;
const EXTENTS_MOVE = 'ExtentsMove';
const withTemp = ({ temp }: Names) => ({ tempTableName: temp });

/** The cluster refuses the commit so many times. */
const commitFails =
  (times: number, action: string, kind = EXTENTS_MOVE) =>
  async ({ engine, names }: Site): Promise<void> => {
    engine.faults.add({ target: 'operation', match: `/^${kind}.*${names.table}\\b/`, action, times });
  };

const rejects = (path: string, verdict: object): ((names: Names) => Manners) => {
  return () => ({
    judge: (blob) => (blob.endsWith(path) ? ({ state: 'failed', ...verdict } as never) : undefined),
  });
};

const leaky = 'cannot read https://acct.blob.core.windows.net/sas/a.csv?sv=2024-01-01&sig=canary-caller';

export const paths: readonly Path[] = [
  { name: 'success', ends: 'committed' },
  {
    name: 'failed blob',
    ends: 'rolledBack',
    manners: rejects('/p/2.csv', {
      failure: 'permanent',
      errorCode: 'Stream_WrongNumberOfFields',
      details: leaky,
    }),
  },
  {
    name: 'passing failure of a blob',
    ends: 'committed',
    manners: () => ({
      judge: (blob, tries) =>
        blob.endsWith('/p/1.csv') && tries < 2 ? { state: 'failed', failure: 'transient' } : undefined,
    }),
  },
  {
    name: 'skipped by tag',
    ends: 'skipped',
    request: () => ({ tags: { ingestBy: ['day'], ingestIfNotExists: ['day'] } }),
    prepare: async ({ outside, names }) => {
      await outside(
        `.alter table ${names.table} extent tags ('ingest-by:day') <| .show table ${names.table} extents`,
      );
    },
  },
  {
    name: 'tags that must not be there',
    ends: 'committed',
    request: () => ({ tags: { ingestBy: ['day', 'hour'], ingestIfNotExists: ['day'] } }),
  },
  { name: 'cancelled at inspect', ends: 'cancelled', cancelAt: 'inspect' },
  { name: 'cancelled at prepare', ends: 'cancelled', cancelAt: 'prepare' },
  { name: 'cancelled at stage', ends: 'cancelled', cancelAt: 'stage' },
  { name: 'cancelled at ingest', ends: 'cancelled', cancelAt: 'ingest' },
  { name: 'cancelled at wait', ends: 'cancelled', cancelAt: 'wait' },
  { name: 'cancelled at verify', ends: 'cancelled', cancelAt: 'verify' },
  { name: 'cancelled at mark', ends: 'cancelled', cancelAt: 'mark' },
  { name: 'cancelled at commit', ends: 'cancelled', cancelAt: 'commit' },
  { name: 'cancelled at settle', ends: 'committed', cancelAt: 'settle' },
  { name: 'cancelled at finish', ends: 'committed', cancelAt: 'finish' },
  {
    name: 'rows mismatch, staged anew',
    ends: 'committed',
    doublesRows: true,
    manners: () => ({ isTwice: (blob, tries) => blob.endsWith('/a.csv') && tries === 0 }),
  },
  {
    name: 'rows mismatch twice',
    ends: 'rolledBack',
    doublesRows: true,
    manners: () => ({ isTwice: (blob) => blob.endsWith('/a.csv') }),
  },
  { name: 'commit fails twice', ends: 'committed', prepare: commitFails(2, 'transient') },
  { name: 'commit fails for good', ends: 'rolledBack', prepare: commitFails(20, 'fail') },
  { name: 'commit operation vanishes', ends: 'committed', prepare: commitFails(1, 'vanish') },
  {
    name: 'commit ends as failed though it is done',
    ends: 'committed',
    prepare: commitFails(1, 'loseAnswer'),
  },
  {
    name: 'calls that are never answered',
    ends: 'committed',
    manners: () => ({ isDeaf: (call) => call === 0 }),
  },
  {
    name: 'calls that are done and never answered',
    ends: 'committed',
    manners: () => ({ isMute: (call) => call === 0 }),
  },
  {
    name: 'queued',
    ends: 'committed',
    isQueued: true,
    request: () => ({ writeMode: 'Queued', expectedRows: null }),
  },
  {
    name: 'queued, failed blob',
    ends: 'failedDirty',
    isQueued: true,
    request: () => ({ writeMode: 'Queued', expectedRows: null }),
    manners: rejects('/p/2.csv', { failure: 'permanent', errorCode: 'Stream_WrongNumberOfFields' }),
  },
  { name: 'append', ends: 'committed', refusesMoves: true },
  {
    name: 'append fails twice',
    ends: 'committed',
    refusesMoves: true,
    prepare: commitFails(2, 'transient', 'TableSetOrAppend'),
  },
  { name: 'append, cancelled at commit', ends: 'cancelled', refusesMoves: true, cancelAt: 'commit' },
  { name: 'own staging table', ends: 'committed', usesTemp: true, request: withTemp },
  {
    name: 'own staging table, failed blob',
    ends: 'rolledBack',
    usesTemp: true,
    request: withTemp,
    manners: rejects('/p/2.csv', { failure: 'permanent', errorCode: 'Stream_WrongNumberOfFields' }),
  },
  {
    name: 'own staging table, rows mismatch',
    ends: 'committed',
    usesTemp: true,
    request: withTemp,
    doublesRows: true,
    manners: () => ({ isTwice: (blob, tries) => blob.endsWith('/a.csv') && tries === 0 }),
  },
  {
    name: 'own staging table, cancelled at commit',
    ends: 'cancelled',
    usesTemp: true,
    request: withTemp,
    cancelAt: 'commit',
  },
  {
    name: 'own staging table, append',
    ends: 'committed',
    usesTemp: true,
    refusesMoves: true,
    request: withTemp,
  },
  {
    name: 'own staging table, cancelled at settle',
    ends: 'committed',
    usesTemp: true,
    request: withTemp,
    cancelAt: 'settle',
  },
  {
    name: 'own staging table, append, cancelled at settle',
    ends: 'committed',
    usesTemp: true,
    refusesMoves: true,
    request: withTemp,
    cancelAt: 'settle',
    orEnds: 'cancelled',
  },
  {
    name: 'append, cancelled at settle',
    ends: 'committed',
    orEnds: 'cancelled',
    refusesMoves: true,
    cancelAt: 'settle',
  },
  {
    name: 'own staging table, a blob comes again after the count',
    ends: 'committed',
    usesTemp: true,
    doublesRows: true,
    isUncounted: true,
    request: (names) => ({ ...withTemp(names), expectedRows: null }),
    before: { step: 'mark', act: ({ service }) => service.again('/a.csv') },
  },
  {
    name: 'a blob comes again after the count',
    ends: 'committed',
    doublesRows: true,
    isUncounted: true,
    request: () => ({ expectedRows: null }),
    before: { step: 'mark', act: ({ service }) => service.again('/a.csv') },
  },
  {
    name: 'a blob comes again after the mark',
    ends: 'committed',
    isUncounted: true,
    request: () => ({ expectedRows: null }),
    before: { step: 'commit', act: ({ service }) => service.again('/a.csv') },
  },
  {
    name: 'not over in time, while the service is silent',
    ends: 'rolledBack',
    request: () => ({ timeoutMs: 60_000 }),
    manners: () => ({ isDeaf: () => true }),
  },
  {
    name: 'not over in time, while the commit hangs',
    ends: 'rolledBack',
    // A fault may have it found lost, and done again, before the deadline.
    orEnds: 'committed',
    request: () => ({ timeoutMs: 60_000 }),
    prepare: commitFails(1, 'hang'),
  },
  {
    name: 'columns by name',
    ends: 'committed',
    request: () => ({ adjustSchema: 'GenerateDynamicMapping', schema: COLUMNS }),
  },
  {
    name: 'target is dropped after the commit',
    ends: 'committed',
    losesTarget: true,
    before: { step: 'finish', act: ({ outside, names }) => outside(`.drop table ${names.table}`) },
  },
  {
    name: 'rows are deleted as soon as they are there',
    ends: 'rolledBack',
    isChance: true,
    isPartial: true,
    before: {
      step: 'settle',
      act: ({ outside, names: { table, id } }) =>
        outside(`.drop extents <| .show table ${table} extents where tags has 'drop-by:${id}' | take 1`),
    },
  },
  { name: 'the command that commits is throttled', ends: 'committed', throttlesCommits: 12 },
  {
    name: 'the operation that commits is throttled',
    ends: 'committed',
    saysThrottled: true,
    prepare: commitFails(12, 'transient'),
  },
  {
    name: 'target is dropped before the commit',
    ends: 'rolledBack',
    losesTarget: true,
    before: { step: 'commit', act: ({ outside, names }) => outside(`.drop table ${names.table}`) },
  },
  {
    name: 'several moves, append',
    ends: 'committed',
    isPartial: true,
    refusesMoves: true,
    limits: { maxExtentsPerMove: 2 },
    request: () => ({ allowPartialVisibility: true }),
  },
  {
    name: 'several moves, cancelled at settle',
    ends: 'cancelled',
    isPartial: true,
    cancelAt: 'settle',
    limits: { maxExtentsPerMove: 2 },
    request: () => ({ allowPartialVisibility: true }),
  },
  {
    name: 'several moves',
    ends: 'committed',
    isPartial: true,
    limits: { maxExtentsPerMove: 2 },
    request: () => ({ allowPartialVisibility: true }),
  },
  {
    name: 'several moves, the second fails for good',
    ends: 'rolledBack',
    isPartial: true,
    limits: { maxExtentsPerMove: 2 },
    request: () => ({ allowPartialVisibility: true }),
    failsMovesAfter: 1,
  },
  { name: 'uploads that are cut', ends: 'committed', cutBytes: 24 },
  {
    name: 'target is made',
    ends: 'committed',
    hasTarget: false,
    request: () => ({ tableCreateOptions: 'CreateIfNotExist', schema: COLUMNS }),
  },
  { name: 'target is missing', ends: 'rolledBack', hasTarget: false },
  { name: 'orchestration lost at ingest', ends: 'committed', loseAt: 'ingest' },
  { name: 'orchestration lost at commit', ends: 'committed', loseAt: 'commit' },
  { name: 'orchestration lost at settle', ends: 'committed', loseAt: 'settle' },
  { name: 'orchestration lost at finish', ends: 'committed', loseAt: 'finish' },
];

import type { MappingColumn } from '../../config/types.js';
import type { IngestProperties, QueuedBlob } from '../../kusto/ports.js';
import { KfError } from '../../runtime/errors.js';
import { clientRequestIdOf, withRights } from '../engine.js';
import { callTag, markerTag, STAGING_MAPPING, secretsBlob, sourceIdOf, stagingTableOf } from '../names.js';
import { dynamicMapping } from '../plan.js';
import { inParallel, readStaged, storeOf } from '../staged.js';
import type { CallSource, Load, LoadCall } from '../types.js';
import { planOf, type Step, type StepContext } from './context.js';

/** Calls that one run of the step makes, and those under way at the same time. */
const CALLS_PER_RUN = 100;
const CALLS_IN_FLIGHT = 4;

/**
 * Hands blobs over, 20 a call. What is written before each call makes a repeat exact: an attempt whose fate is not
 * known is left behind under its own tag, which nothing selects.
 */
export const ingest: Step = async (context) => {
  const { deps, load } = context;
  const due: LoadCall[] = [];
  for await (const call of deps.store.calls(load.id, load.generation, ['pending', 'sending'])) {
    due.push(call);
    if (due.length > CALLS_PER_RUN) break;
  }
  const now = due.slice(0, CALLS_PER_RUN);
  if (now.length > 0) {
    const secrets = (await readStaged<Record<string, string>>(storeOf(deps), secretsBlob(load))) ?? {};
    const unsure = now.filter(({ state }) => state === 'sending').flatMap(({ sources }) => sources).length;
    if (unsure > 0 && load.options.writeMode === 'Queued') await countUnsure(context, unsure);
    try {
      await inParallel(now, CALLS_IN_FLIGHT, (call) => send(context, call, secrets));
    } finally {
      await tellSent(context, now);
    }
  }
  return due.length > now.length ? { is: 'more' } : { is: 'done' };
};

/** Blobs that a repeat has sent again count once, so never more than there are. */
async function tellSent({ deps, load }: StepContext, calls: readonly LoadCall[]): Promise<void> {
  const blobs = calls.reduce((sum, { sources }) => sum + sources.length, 0);
  await deps.store.change(load.id, ({ times, progress, sources }) => ({
    times: { ...times, lastSentMs: deps.clock.now() },
    progress: {
      succeeded: progress?.succeeded ?? 0,
      failed: progress?.failed ?? 0,
      sent: Math.min(sources?.blobs ?? 0, (progress?.sent ?? 0) + blobs),
    },
  }));
}

/** In the target itself a repeat may double rows; a staging table leaves such an attempt behind. */
async function countUnsure({ deps, load }: StepContext, blobs: number): Promise<void> {
  deps.logger.warn('load.possibleDuplicates', { load: load.id, blobs });
  await deps.store.change(load.id, ({ possibleDuplicates }) => ({
    possibleDuplicates: possibleDuplicates + blobs,
  }));
}

async function send(
  { deps, load, signal }: StepContext,
  call: LoadCall,
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  const attempt = call.attempt + 1;
  const sources = call.sources.map(
    ({ errorCode: _code, details: _details, ...source }): CallSource => ({
      ...source,
      state: 'pending',
    }),
  );
  const sending = await deps.store.replaceCall({ ...call, attempt, state: 'sending', sources });
  const blobs = await Promise.all(sources.map((source) => toBlob(deps, sending, source, secrets)));
  const { database, table } = load.options;
  const operation = await deps.queued
    .submit({
      database,
      table: targetOf(deps.stagingPrefix, load),
      blobs,
      properties: propertiesOf(load, sending),
      clientRequestId: clientRequestIdOf(load.id, `${call.key}.${attempt}`),
      signal,
    })
    .catch((error: unknown) => {
      throw withRights(error, database, table);
    });
  await deps.store.replaceCall({
    ...sending,
    state: 'sent',
    operation,
    sentAtMs: deps.clock.now(),
    sources: sources.map((source) => ({ ...source, state: 'queued' })),
  });
}

/** Where blobs are ingested: the staging table, or with `writeMode: Queued` the target itself. */
function targetOf(stagingPrefix: string, load: Load): string {
  return load.options.writeMode === 'Queued' ? load.options.table : stagingTableOf(stagingPrefix, load);
}

async function toBlob(
  deps: StepContext['deps'],
  call: LoadCall,
  source: CallSource,
  secrets: Readonly<Record<string, string>>,
): Promise<QueuedBlob> {
  const { linkTtlMs } = deps.limits;
  const sas = source.sas === undefined ? undefined : secrets[source.sas];
  if (source.sas !== undefined && sas === undefined) {
    throw new KfError('LOAD_SOURCE_MISSING', `${source.address}: its SAS is no longer kept`);
  }
  const url =
    source.own === undefined
      ? await deps.sources.link({ address: source.address, ...(sas === undefined ? {} : { sas }) }, linkTtlMs)
      : await deps.blobs.readUrl(source.own.container, source.own.blob, linkTtlMs);
  return {
    sourceId: sourceIdOf(call, source.index),
    url,
    ...(source.rawSizeBytes === undefined ? {} : { rawSizeBytes: source.rawSizeBytes }),
  };
}

/** `ingest-by` tags never go with blobs: the service would put each blob in a batch of its own. */
function propertiesOf(load: Load, call: LoadCall): IngestProperties {
  const { format, ignoreFirstRecord, creationTime, writeMode } = load.options;
  const mapping = mappingOf(load);
  // Bodies that we cut have lost their header; the calls hold either those or others.
  const isOwn = call.sources[0]?.own !== undefined;
  return {
    format,
    tags: [writeMode === 'Queued' ? markerTag(load.id) : callTag(call)],
    ...(mapping === undefined ? {} : { mapping }),
    ...(ignoreFirstRecord && !isOwn ? { ignoreFirstRecord } : {}),
    ...(creationTime === undefined ? {} : { creationTime }),
  };
}

function mappingOf(load: Load): string | readonly MappingColumn[] | undefined {
  const { writeMode, adjustSchema, mapping } = load.options;
  const plan = planOf(load);
  if (writeMode === 'Transactional') return plan.mapping === undefined ? undefined : STAGING_MAPPING;
  return adjustSchema === 'GenerateDynamicMapping' ? dynamicMapping(load.options, plan.columns) : mapping;
}

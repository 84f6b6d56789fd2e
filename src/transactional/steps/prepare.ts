import { isTextFormat } from '../../formats/kinds.js';
import { uploadBlobName } from '../../ledger/ids.js';
import { KfError } from '../../runtime/errors.js';
import { listedSizes } from '../listed-sizes.js';
import { cutBlob, planBlob, secretsBlob } from '../names.js';
import { parquetFacts } from '../parquet-footer.js';
import { knownTotal, requireAtomic } from '../plan.js';
import type { SourceRef } from '../ports.js';
import { MAX_RAW_BYTES } from '../request-schema.js';
import { inParallel, readStaged, sourcesOf, stageOnce, storeOf } from '../staged.js';
import type { CallSource, LoadSource, PlannedBlob } from '../types.js';
import type { Step, StepContext } from './context.js';

/** Sources looked up at the same time. */
const LOOK_UPS_IN_FLIGHT = 16;
const BYTES_PER_MB = 1024 * 1024;

/**
 * Resolves sources to blobs and writes the list once, so that a repeat, or a prefix that has grown meanwhile, leads
 * to the same load. One uploaded body is cut per run.
 */
export const prepare: Step = async (context) => {
  const { deps, load } = context;
  const store = storeOf(deps);
  let blobs = await readStaged<readonly PlannedBlob[]>(store, planBlob(load));
  if (blobs === undefined) {
    const sources = await sourcesOf(deps, load);
    const uploads = sources.flatMap((source, index) => (source.kind === 'upload' ? [{ source, index }] : []));
    for (const { source, index } of uploads) {
      if ((await readStaged(store, cutList(load.id, index))) === undefined) {
        await cut(context, source, index);
        return { is: 'more' };
      }
    }
    blobs = await stageOnce(store, planBlob(load), await resolveAll(context, sources));
  }
  const { writeMode } = load.options;
  if (writeMode === 'Transactional') requireAtomic(load, blobs.length, deps.limits.maxExtentsPerMove);
  await addCalls(context, blobs);
  return { is: 'done' };
};

const cutList = (id: string, source: number): string =>
  cutBlob(id, source, 0, 'list.json').replace('-000000', '');

async function cut(
  { deps, load, signal }: StepContext,
  source: Extract<LoadSource, { kind: 'upload' }>,
  index: number,
): Promise<void> {
  const { database, table, format, ignoreFirstRecord, clientBatchingLimitMb } = load.options;
  const name = uploadBlobName(database, table, source.uploadId);
  if ((await deps.blobs.facts(deps.uploadContainer, name)) === undefined) {
    throw missing(`upload ${source.uploadId}`, `nothing was uploaded for ${database}.${table}`);
  }
  try {
    const cuts = await deps.cutBody({
      body: deps.blobs.stream(deps.uploadContainer, name, signal),
      format,
      ignoreFirstRecord,
      gzip: source.gzip === true,
      blobBytes: clientBatchingLimitMb * BYTES_PER_MB,
      container: deps.stagingContainer,
      blobName: (piece, gzipped) => cutBlob(load.id, index, piece, `${format}${gzipped ? '.gz' : ''}`),
      signal,
    });
    const planned = cuts.map(
      ({ blob, sizeBytes, rawBytes, rows }): PlannedBlob => ({
        address: blob,
        own: { container: deps.stagingContainer, blob },
        sizeBytes,
        rawSizeBytes: rawBytes,
        ...(rows === undefined ? {} : { rows }),
      }),
    );
    await stageOnce(storeOf(deps), cutList(load.id, index), planned);
  } catch (error) {
    throw badBody(error, source.uploadId);
  }
}

function badBody(error: unknown, uploadId: string): unknown {
  if (!(error instanceof KfError) || !/^(RECORD|BODY)_/.test(error.code)) return error;
  return new KfError('LOAD_SOURCE_INVALID', `upload ${uploadId}: ${error.message} (${error.code})`, {
    fields: { source: `upload ${uploadId}` },
  });
}

function missing(source: string, problem: string): KfError {
  return new KfError('LOAD_SOURCE_MISSING', `${source}: ${problem}`, { fields: { source } });
}

async function resolveAll(context: StepContext, sources: readonly LoadSource[]): Promise<PlannedBlob[]> {
  const { deps, load } = context;
  const store = storeOf(deps);
  const secrets = (await readStaged<Record<string, string>>(store, secretsBlob(load))) ?? {};
  const plain = sources.flatMap((one) => (one.kind === 'blob' && one.sas === undefined ? [one.address] : []));
  const sizes = await listedSizes(deps.sources, plain, context.signal);
  const found: PlannedBlob[][] = [];
  await inParallel(sources, LOOK_UPS_IN_FLIGHT, async (source, index) => {
    found[index] =
      source.kind === 'upload'
        ? [...((await readStaged<readonly PlannedBlob[]>(store, cutList(load.id, index))) ?? [])]
        : await lookUp(context, source, { secret: secrets[source.sas ?? ''], sizes });
  });
  const blobs = found.flat();
  const { maxSources } = deps.limits;
  if (blobs.length > maxSources) {
    throw new KfError(
      'LOAD_SOURCE_TOO_LARGE',
      `sources: ${blobs.length} blobs; load.maxSources is ${maxSources}`,
    );
  }
  requireDistinct(blobs);
  const counted: PlannedBlob[] = [];
  await inParallel(blobs, LOOK_UPS_IN_FLIGHT, async (blob, index) => {
    counted[index] = await measure(context, blob, secrets);
  });
  return counted;
}

/** A blob named twice would be there twice. */
function requireDistinct(blobs: readonly PlannedBlob[]): void {
  const seen = new Set<string>();
  for (const { address } of blobs) {
    if (seen.has(address)) throw new KfError('REQUEST_INVALID', `sources: ${address} is named twice`);
    seen.add(address);
  }
}

async function lookUp(
  { deps, signal }: StepContext,
  source: Exclude<LoadSource, { kind: 'upload' }>,
  known: { readonly secret: string | undefined; readonly sizes: ReadonlyMap<string, number> },
): Promise<PlannedBlob[]> {
  const { secret, sizes } = known;
  const ref: SourceRef = { address: source.address, ...(secret === undefined ? {} : { sas: secret }) };
  const sas = source.sas === undefined ? {} : { sas: source.sas };
  if (source.kind === 'prefix') {
    const blobs: PlannedBlob[] = [];
    for await (const blob of deps.sources.list(ref, signal)) {
      if (blob.sizeBytes > 0) blobs.push({ ...blob, ...sas });
      if (blobs.length > deps.limits.maxSources) break;
    }
    if (blobs.length === 0) throw missing(source.address, 'no blob with content lies under this prefix');
    return blobs;
  }
  const sizeBytes = sizes.get(source.address) ?? (await deps.sources.facts(ref))?.sizeBytes;
  if (sizeBytes === undefined) throw missing(source.address, 'there is no such blob');
  if (sizeBytes === 0) throw missing(source.address, 'the blob is empty');
  const { rawSizeBytes, rows } = source;
  return [
    {
      address: source.address,
      ...sas,
      sizeBytes,
      ...(rawSizeBytes === undefined ? {} : { rawSizeBytes }),
      ...(rows === undefined ? {} : { rows }),
    },
  ];
}

/** Adds what the bytes tell: rows of Parquet, the size of text that is not compressed. @throws LOAD_SOURCE_TOO_LARGE */
async function measure(
  context: StepContext,
  blob: PlannedBlob,
  secrets: Readonly<Record<string, string>>,
): Promise<PlannedBlob> {
  const { format } = context.load.options;
  const isPlain = isTextFormat(format) && !/\.(?:gz|zip)$/i.test(blob.address);
  const isCounted = blob.rows !== undefined && blob.rawSizeBytes !== undefined;
  let measured = blob;
  if (format === 'parquet' && !isCounted) {
    const read = readerOf(context, blob, secrets);
    const { rows, rawSizeBytes } = { ...(await parquetFacts(read, blob.sizeBytes)), ...blob };
    measured = {
      ...blob,
      ...(rows === undefined ? {} : { rows }),
      ...(rawSizeBytes === undefined ? {} : { rawSizeBytes }),
    };
  } else if (isPlain && blob.rawSizeBytes === undefined) {
    measured = { ...blob, rawSizeBytes: blob.sizeBytes };
  }
  const largest = Math.max(measured.sizeBytes, measured.rawSizeBytes ?? 0);
  if (largest > MAX_RAW_BYTES) {
    throw new KfError(
      'LOAD_SOURCE_TOO_LARGE',
      `${blob.address}: ${largest} bytes; the service takes ${MAX_RAW_BYTES} of one blob`,
      { fields: { source: blob.address } },
    );
  }
  return measured;
}

/** Reads a part of a blob, wherever it lies. */
function readerOf(
  { deps }: StepContext,
  { own, address, sas }: PlannedBlob,
  secrets: Readonly<Record<string, string>>,
): (from: number, to: number) => Promise<Buffer> {
  if (own !== undefined) return (from, to) => deps.blobs.range(own.container, own.blob, from, to);
  const secret = sas === undefined ? undefined : secrets[sas];
  const ref = { address, ...(secret === undefined ? {} : { sas: secret }) };
  return (from, to) => deps.sources.range(ref, from, to);
}

const ROWS_IN_FLIGHT = 8;

/** The calls of the load's present generation; those that are there stay as they are. */
export async function addCalls({ deps, load }: StepContext, blobs: readonly PlannedBlob[]): Promise<void> {
  const perCall = deps.queued.maxBlobsPerCall;
  const numbered = blobs.map((blob, index): CallSource => ({ ...blob, index, state: 'pending' }));
  // Bodies that we cut have lost their header, so they do not go with blobs that still have theirs.
  const groups = [
    numbered.filter(({ own }) => own !== undefined),
    numbered.filter(({ own }) => own === undefined),
  ];
  const calls = groups.flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / perCall) }, (_, call) =>
      group.slice(call * perCall, (call + 1) * perCall),
    ),
  );
  await inParallel(calls, ROWS_IN_FLIGHT, (sources, call) =>
    deps.store.addCall({
      load: load.id,
      generation: load.generation,
      key: String(call).padStart(6, '0'),
      attempt: 0,
      state: 'pending',
      sources,
    }),
  );
  const rows = knownTotal(blobs, 'rows');
  const rawBytes = knownTotal(blobs, 'rawSizeBytes');
  await deps.store.change(load.id, () => ({
    sources: {
      blobs: blobs.length,
      calls: calls.length,
      sizeBytes: blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      ...(rawBytes === undefined ? {} : { rawBytes }),
      ...(rows === undefined ? {} : { rows }),
    },
  }));
}

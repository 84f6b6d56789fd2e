import { createHash } from 'node:crypto';
import type { AllowList } from '../config/allow-list.js';
import { type Finding, findingsOf, unknownKeys } from '../config/issues.js';
import { formatPath } from '../config/mistakes.js';
import type { LoadStorageConfig } from '../config/types.js';
import { formatKind } from '../formats/kinds.js';
import { KfError } from '../runtime/errors.js';
import { redact } from '../runtime/redact.js';
import { resolveBlob } from './blob-address.js';
import {
  MAX_RAW_BYTES,
  type RequestInput,
  requestSchema,
  requestSchemaTree,
  type SourceInput,
} from './request-schema.js';
import type { LoadOptions, LoadRequest, LoadSource } from './types.js';

/** Mistakes that one answer lists. */
const MAX_LISTED = 20;
/** Names that are addresses of the API. */
const RESERVED_IDS = new Set(['orphans']);

export interface RequestRules {
  readonly allow: AllowList;
  readonly storage: readonly LoadStorageConfig[];
  readonly allowSas: boolean;
  readonly maxSources: number;
  readonly nowMs: number;
}

export interface ParsedRequest {
  readonly requestId?: string;
  readonly request: LoadRequest;
  /** Of everything that must be equal for a repeat under one requestId; a SAS may differ. */
  readonly digest: string;
}

const unknownTree = requestSchemaTree();

/**
 * A load request as a caller sent it, checked as far as it can be without asking anybody.
 * @throws REQUEST_INVALID with every mistake, ROUTE_NOT_ALLOWED, LOAD_SOURCE_FORBIDDEN, LOAD_SOURCE_TOO_LARGE
 */
export function parseLoadRequest(body: unknown, rules: RequestRules): ParsedRequest {
  const parsed = requestSchema.safeParse(body);
  const findings = [
    ...unknownKeys(unknownTree, body),
    ...(parsed.success ? crossFindings(parsed.data, rules) : findingsOf(parsed.error, body)),
  ];
  if (!parsed.success || findings.length > 0) throw invalid(findings);
  const { requestId, sources, ...input } = parsed.data;
  const options = withoutUndefined(input) as LoadOptions;
  requireAllowed(options, rules.allow);
  if (sources.length > rules.maxSources) {
    throw new KfError(
      'LOAD_SOURCE_TOO_LARGE',
      `sources: ${sources.length} of them; load.maxSources is ${rules.maxSources}`,
    );
  }
  const secrets: Record<string, string> = {};
  const checked = sources.map((source, index) => toSource(source, { index, rules, secrets }));
  const comparable = checked.map((source) => ('sas' in source ? { ...source, sas: undefined } : source));
  const digest = createHash('sha256')
    .update(JSON.stringify([options, comparable]))
    .digest('hex');
  return {
    ...(requestId === undefined ? {} : { requestId }),
    request: { ...options, sources: checked, secrets },
    digest,
  };
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

function invalid(findings: readonly Finding[]): KfError {
  const lines = findings
    .slice(0, MAX_LISTED)
    .map(({ path, problem }) => redact(`${formatPath(path) || 'the body'}: ${problem}`));
  const more = findings.length - lines.length;
  return new KfError('REQUEST_INVALID', [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('; '));
}

function requireAllowed({ database, table, tempTableName }: LoadOptions, allow: AllowList): void {
  for (const name of [table, ...(tempTableName === undefined ? [] : [tempTableName])]) {
    if (!allow.allows(database, name)) {
      throw new KfError('ROUTE_NOT_ALLOWED', `target ${database}.${name}: outside http.tables`);
    }
  }
}

/** Rules between options; each says what would be right. */
function crossFindings(input: RequestInput, { nowMs }: RequestRules): Finding[] {
  const { schema, mapping, adjustSchema, writeMode, format, tempTableName, table } = input;
  const queued = writeMode === 'Queued';
  const future = input.creationTime !== undefined && Date.parse(input.creationTime) > nowMs + 300_000;
  const rules: readonly (readonly [boolean, string, string])[] = [
    [RESERVED_IDS.has(input.requestId ?? ''), 'requestId', 'is reserved; choose another'],
    [
      adjustSchema !== 'NoAdjustment' && schema === undefined,
      'schema',
      `is required with adjustSchema ${adjustSchema}: the columns of the source`,
    ],
    [
      adjustSchema === 'GenerateDynamicMapping' && mapping !== undefined,
      'mapping',
      'stands beside adjustSchema GenerateDynamicMapping; write one of them',
    ],
    [schema !== undefined && Object.keys(schema).length === 0, 'schema', 'names no column'],
    [
      Object.keys(schema ?? {}).some((name) => /^(?:0|[1-9]\d*)$/.test(name)),
      'schema',
      'names a column by a whole number, which has no place among the others in JSON; create the table yourself and use a mapping',
    ],
    [
      input.ignoreFirstRecord && formatKind(format) !== 'delimited',
      'ignoreFirstRecord',
      `is only for delimited text; ${format} has no header`,
    ],
    [
      queued && tempTableName !== undefined,
      'tempTableName',
      'has no use with writeMode Queued, which stages nothing',
    ],
    [tempTableName === table, 'tempTableName', 'is the target itself; name another table'],
    [
      queued && input.expectedRows !== undefined,
      'expectedRows',
      'is only checked with writeMode Transactional',
    ],
    [
      queued && input.allowPartialVisibility,
      'allowPartialVisibility',
      'has no use with writeMode Queued, whose rows always appear one blob after the other',
    ],
    [future, 'creationTime', 'lies in the future'],
  ];
  const wrong = rules.filter(([applies]) => applies).map(([, key, problem]) => ({ path: [key], problem }));
  return [...wrong, ...input.sources.flatMap(sourceFindings)];
}

function sourceFindings(source: SourceInput, index: number): Finding[] {
  const kinds = (['url', 'prefix', 'upload'] as const).filter((kind) => source[kind] !== undefined);
  const path = (key: string) => ['sources', index, key];
  if (kinds.length !== 1) {
    return [{ path: ['sources', index], problem: 'write one of url, prefix and upload' }];
  }
  const facts = (['rawSizeBytes', 'rows'] as const).filter(
    (key) => source[key] !== undefined && source.url === undefined,
  );
  return [
    ...facts.map((key) => ({ path: path(key), problem: 'is only known of a single url' })),
    ...(source.gzip !== undefined && source.upload === undefined
      ? [{ path: path('gzip'), problem: 'is only for uploads; the service looks at the bytes of blobs' }]
      : []),
  ];
}

interface SourceContext {
  readonly index: number;
  readonly rules: RequestRules;
  readonly secrets: Record<string, string>;
}

function toSource(source: SourceInput, { index, rules, secrets }: SourceContext): LoadSource {
  if (source.upload !== undefined) {
    const { upload: uploadId, gzip } = source;
    return { kind: 'upload', uploadId, ...(gzip === undefined ? {} : { gzip }) };
  }
  const kind = source.url === undefined ? 'prefix' : 'blob';
  const place = `sources[${index}].${kind === 'blob' ? 'url' : 'prefix'}`;
  const { rawSizeBytes, rows } = source;
  if (rawSizeBytes !== undefined && rawSizeBytes > MAX_RAW_BYTES) {
    throw new KfError(
      'LOAD_SOURCE_TOO_LARGE',
      `sources[${index}].rawSizeBytes: ${rawSizeBytes} bytes; the service takes ${MAX_RAW_BYTES} of one blob`,
    );
  }
  const { allowSas, storage: allowed } = rules;
  const { address, sas } = resolveBlob(source.url ?? source.prefix ?? '', { allowed, allowSas, place, kind });
  const key = `k${index}`;
  if (sas !== undefined) secrets[key] = sas;
  return {
    kind,
    address,
    ...(sas === undefined ? {} : { sas: key }),
    ...(rawSizeBytes === undefined ? {} : { rawSizeBytes }),
    ...(rows === undefined ? {} : { rows }),
  };
}

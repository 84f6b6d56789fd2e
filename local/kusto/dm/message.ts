import { randomUUID } from 'node:crypto';
import { badData } from '../ingest/errors.js';
import { Bag, parseProperties } from './properties.js';
import type { IngestionSource, ReportLevel, ReportWish } from './source.js';

const LEVELS: readonly ReportLevel[] = ['FailuresOnly', 'None', 'FailuresAndSuccesses'];
const METHODS = ['Queue', 'Table', 'QueueAndTable'] as const;

/** Where a message that cannot be ingested came from, as far as it could be read. */
export interface MessageOrigin {
  readonly sourceId: string;
  readonly database: string;
  readonly table: string;
  readonly blob: string;
  readonly report: ReportWish;
}

export type ParsedMessage =
  | { readonly kind: 'source'; readonly source: IngestionSource }
  | { readonly kind: 'bad'; readonly origin: MessageOrigin; readonly error: unknown };

function corrupted(reason: string): Error {
  return badData('BadRequest_CorruptedMessage', `The ingestion message is corrupted: ${reason}`);
}

function parseJson(text: string): Bag | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Bag(value) : undefined;
  } catch {
    return undefined;
  }
}

/** Base64 of JSON as all SDKs send it; plain JSON is understood too. */
function open(body: string): Bag | undefined {
  return parseJson(Buffer.from(body, 'base64').toString('utf8')) ?? parseJson(body);
}

function oneOf<T extends string>(names: readonly T[], value: unknown): T {
  if (value === undefined) return names[0]!;
  const text = String(value).toLowerCase();
  return names.find((name, i) => name.toLowerCase() === text || String(i) === text) ?? names[0]!;
}

function reportOf(message: Bag, sourceId: string): ReportWish {
  const method = oneOf(METHODS, message.get('ReportMethod'));
  const status = message.bag('IngestionStatusInTable');
  return {
    level: oneOf(LEVELS, message.get('ReportLevel')),
    toQueue: method !== 'Table',
    toTable: method !== 'Queue',
    partitionKey: status.text('PartitionKey') ?? sourceId,
    rowKey: status.text('RowKey') ?? sourceId,
  };
}

function rawSize(message: Bag): number | undefined {
  const size = Number(message.get('RawDataSize') ?? 0);
  return Number.isFinite(size) && size > 0 ? size : undefined;
}

function propertiesText(properties: Bag): string {
  const named = ['format', 'tags', 'ingestIfNotExists', 'ingestionMappingReference', 'creationTime'] as const;
  const shown = named
    .map((name) => [name, properties.get(name)] as const)
    .filter(([, value]) => value !== undefined);
  return JSON.stringify(Object.fromEntries(shown));
}

/**
 * Reads a message of the ingestion queue; keys in any case, since SDKs differ.
 * @param identityToken what `.get kusto identity token` gives out
 * @param workId the same for every delivery of the message
 */
export function parseMessage(
  body: string,
  identityToken: string,
  workId: string = randomUUID(),
): ParsedMessage {
  const message = open(body) ?? new Bag({});
  const sourceId = message.text('Id') ?? randomUUID();
  const origin: MessageOrigin = {
    sourceId,
    database: message.text('DatabaseName') ?? '',
    table: message.text('TableName') ?? '',
    blob: message.text('BlobPath') ?? '',
    report: reportOf(message, sourceId),
  };
  try {
    if (open(body) === undefined) throw corrupted('it is not base64 of a JSON object');
    const properties = message.bag('AdditionalProperties');
    checkOrigin(origin, properties.text('authorizationContext'), identityToken);
    const size = rawSize(message);
    const source: IngestionSource = {
      ...origin,
      workId,
      flushImmediately: message.flag('FlushImmediately'),
      deleteOnSuccess: !message.flag('RetainBlobOnSuccess', true),
      properties: parseProperties(properties),
      propertiesText: propertiesText(properties),
      attempts: 0,
      ...(size !== undefined && { rawSizeBytes: size }),
      ...(message.flag('IgnoreSizeLimit') && { ignoreSizeLimit: true }),
    };
    return { kind: 'source', source };
  } catch (error) {
    return { kind: 'bad', origin, error };
  }
}

function checkOrigin(origin: MessageOrigin, token: string | undefined, identityToken: string): void {
  if (token !== identityToken) {
    throw badData(
      'BadRequest_InvalidKustoIdentityToken',
      'The message carries no identity token of this service; ask for one with .get kusto identity token',
    );
  }
  if (origin.database === '') throw badData('BadRequest_EmptyDatabaseName', 'The message names no database');
  if (origin.table === '') throw badData('BadRequest_InvalidOrEmptyTableName', 'The message names no table');
  if (origin.blob === '') throw badData('BadRequest_EmptyBlobUri', 'The message names no blob');
}

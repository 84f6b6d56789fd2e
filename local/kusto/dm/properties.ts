import { badData } from '../ingest/errors.js';
import { parseDatetime } from '../values/datetime-parse.js';
import type { SourceProperties } from './source.js';

/** An object whose keys are found in any case. */
export class Bag {
  private readonly members: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    this.members = new Map(entries.map(([key, member]) => [key.toLowerCase(), member]));
  }

  get(...names: readonly string[]): unknown {
    for (const name of names) {
      const value = this.members.get(name.toLowerCase());
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  }

  text(...names: readonly string[]): string | undefined {
    const value = this.get(...names);
    return value === undefined || value === '' || typeof value === 'object' ? undefined : String(value);
  }

  flag(name: string, otherwise = false): boolean {
    const value = this.get(name);
    return value === undefined ? otherwise : String(value).toLowerCase() === 'true' || value === 1;
  }

  bag(name: string): Bag {
    return new Bag(this.get(name));
  }
}

function malformed(name: string, expected: string): Error {
  return badData(
    'BadRequest_MalformedIngestionProperty',
    `Ingestion property ${name} is malformed: ${expected}`,
  );
}

function texts(name: string, value: unknown): readonly string[] {
  if (value === undefined || value === '') return [];
  let list: unknown = value;
  if (typeof value === 'string') {
    try {
      list = JSON.parse(value);
    } catch {
      // One bare tag is what some clients pass on from their users.
      return [value];
    }
  }
  if (typeof list === 'string') return [list];
  if (!Array.isArray(list) || list.some((item) => typeof item !== 'string'))
    throw malformed(name, 'a list of texts');
  return list as readonly string[];
}

function creationTime(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const ticks = parseDatetime(value);
  if (ticks === null) throw malformed('creationTime', 'a datetime');
  // Some clients send the lowest datetime where they mean none.
  return ticks === 0n ? undefined : ticks.toString();
}

function mappingText(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * The properties that decide how a source is read and stored. Validation policies and size limits of the service have
 * no effect here.
 * @throws KustoError `BadRequest_MalformedIngestionProperty`, `BadRequest_DuplicateMapping`, or a refusal by name
 */
export function parseProperties(bag: Bag): SourceProperties {
  for (const refused of ['extend_schema', 'recreate_schema', 'zipPattern', 'ignoreLastRecordIfInvalid']) {
    const value = bag.get(refused);
    if (value !== undefined && value !== '' && String(value).toLowerCase() !== 'false') {
      throw badData(
        'BadRequest_IngestionPropertyNotSupportedInThisContext',
        `Ingestion property ${refused} is not supported by the local engine`,
      );
    }
  }
  const mapping = mappingText(bag.get('ingestionMapping'));
  const mappingReference = bag.text('ingestionMappingReference', 'mappingReference');
  if (mapping !== undefined && mappingReference !== undefined) {
    throw badData(
      'BadRequest_DuplicateMapping',
      'Both ingestionMapping and ingestionMappingReference are given',
    );
  }
  const created = creationTime(bag.text('creationTime'));
  return {
    format: (bag.text('format') ?? 'csv').toLowerCase(),
    tags: texts('tags', bag.get('tags')),
    ingestIfNotExists: texts('ingestIfNotExists', bag.get('ingestIfNotExists')),
    ignoreFirstRecord: bag.flag('ignoreFirstRecord'),
    ...(mapping !== undefined && { mapping }),
    ...(mappingReference !== undefined && { mappingReference }),
    ...(created !== undefined && { creationTime: created }),
  };
}

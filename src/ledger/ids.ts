import { createHash } from 'node:crypto';

/** A UUID computed from a text: the same text, the same id (version 8, SHA-256). */
export function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The shipment of blob `index` of a batch, or of an HTTP operation. */
export function shipmentId(batchId: string, index: number): string {
  return uuidOf(`shipment ${batchId} ${index}`);
}

/** Piece `piece` of a refused blob. */
export function pieceId(parentId: string, piece: number): string {
  return uuidOf(`piece ${parentId} ${piece}`);
}

/** Data blobs lie under their shipment's id, so that a repeat overwrites and a blob leads back to its row. */
export function dataBlobName(
  target: { readonly database: string; readonly table: string; readonly format: string },
  id: string,
  gzipped: boolean,
): string {
  const folder = [target.database, target.table].map(encodeURIComponent).join('/');
  return `data/${folder}/${id}.${target.format}${gzipped ? '.gz' : ''}`;
}

export function originsBlobName(id: string): string {
  return `origins/${id}.jsonl.gz`;
}

/** The shipment id in a blob name made here. */
export function idOfBlob(name: string): string | undefined {
  return /(?:^|\/)([0-9a-f]{8}-[0-9a-f-]{27})\.[^/]*$/.exec(name)?.[1];
}

/** A name as a part of a blob's path; one of dots alone would lead elsewhere. */
const pathPart = (name: string): string =>
  /^\.+$/.test(name) ? name.replaceAll('.', '%2E') : encodeURIComponent(name);

/** Where the body of an upload lies, apart for each table that it may go into. */
export function uploadBlobName(database: string, table: string, uploadId: string): string {
  return `${pathPart(database)}/${pathPart(table)}/${uploadId}`;
}

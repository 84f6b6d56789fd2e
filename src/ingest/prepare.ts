import type { RouteConfig } from '../config/types.js';
import { inflateBody, isGzip, isZip } from '../formats/gzip.js';
import { isTextFormat } from '../formats/kinds.js';
import { asBuffer, transcodeToUtf8 } from '../formats/text.js';
import { asKfError, KfError } from '../runtime/errors.js';
import type { BadRecord } from './encode-types.js';
import type { Routed, RoutedTarget, Router } from './route.js';
import type { Envelope } from './types.js';

/** A record with its target and its body in the clear. */
export interface Prepared {
  readonly envelope: Envelope;
  readonly target: RoutedTarget;
  readonly body: Uint8Array;
}

export interface PrepareOptions {
  readonly router: Router;
  readonly route: Pick<RouteConfig, 'maxInflatedBytes' | 'maxInflateRatio'>;
  readonly bad: (record: BadRecord) => void;
}

function openBody(
  envelope: Envelope,
  routed: Routed,
  limits: PrepareOptions['route'],
): Uint8Array | Promise<Uint8Array> {
  const compressed = routed.compression === undefined ? isGzip(envelope.body) : routed.compression === 'gzip';
  const body = compressed ? inflateBody(envelope.body, limits) : envelope.body;
  const { encoding } = routed;
  const text = isTextFormat(routed.target.target.format);
  if (text && isZip(envelope.body)) {
    throw new KfError('RECORD_NOT_OF_FORMAT', 'body: a zip archive; send the text itself, or gzip');
  }
  if (encoding === undefined || !text) {
    return body;
  }
  return body instanceof Promise
    ? body.then((bytes) => transcodeToUtf8(bytes, encoding))
    : transcodeToUtf8(asBuffer(body), encoding);
}

/** Routes and inflates; what cannot be routed or inflated is bad. Waits only where a large body is inflated. */
export async function prepare(envelopes: readonly Envelope[], options: PrepareOptions): Promise<Prepared[]> {
  const { router, route, bad } = options;
  const prepared: Prepared[] = [];
  for (const envelope of envelopes) {
    let target = router.base;
    try {
      const routed = router.fromProperties(envelope.properties);
      target = routed.target;
      const opened = openBody(envelope, routed, route);
      prepared.push({ envelope, target, body: opened instanceof Promise ? await opened : opened });
    } catch (error) {
      bad({ envelope, target, error: asKfError(error, 'INTERNAL', 'prepare') });
    }
  }
  return prepared;
}

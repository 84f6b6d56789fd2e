import { Refusal } from './errors.js';

/** Node that answers token requests. */
export const CBS_ADDRESS = '$cbs';
/** Node that answers questions about hubs and partitions. */
const MANAGEMENT_ADDRESS = '$management';

/** What a link's address refers to. */
export type Address =
  | { readonly kind: 'cbs' }
  | { readonly kind: 'management' }
  | { readonly kind: 'hub'; readonly hub: string }
  | { readonly kind: 'partition'; readonly hub: string; readonly partition: string }
  | { readonly kind: 'reader'; readonly hub: string; readonly group: string; readonly partition: string };

/**
 * Reads `hub`, `hub/Partitions/N`, `hub/ConsumerGroups/G/Partitions/N`, `$cbs` and `hub/$management`,
 * also with `scheme://host/` before it as some clients send it.
 */
export function parseAddress(address: string | undefined): Address {
  if (address === undefined || address === '') throw invalid('(none)');
  const path = address.replace(/^[a-z]+:\/\/[^/]*\//i, '').replace(/^\/+|\/+$/g, '');
  const parts = path.split('/').map(decodeURIComponent);
  if (path.toLowerCase() === CBS_ADDRESS) return { kind: 'cbs' };
  if (parts.at(-1)?.toLowerCase() === MANAGEMENT_ADDRESS) return { kind: 'management' };
  const [hub = '', first, second, third, fourth] = parts;
  if (parts.length === 1) return { kind: 'hub', hub };
  if (parts.length === 3 && sameWord(first, 'Partitions'))
    return { kind: 'partition', hub, partition: second! };
  if (parts.length === 5 && sameWord(first, 'ConsumerGroups') && sameWord(third, 'Partitions')) {
    return { kind: 'reader', hub, group: second!, partition: fourth! };
  }
  throw invalid(address);
}

function sameWord(part: string | undefined, word: string): boolean {
  return part?.toLowerCase() === word.toLowerCase();
}

function invalid(address: string): Refusal {
  return new Refusal(
    'amqp:not-found',
    `The address '${address}' is not supported by the local Event Hubs server.`,
  );
}

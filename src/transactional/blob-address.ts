import { isLoopbackHost } from '../config/endpoints.js';
import { KfError } from '../runtime/errors.js';
import { type BlobKind, blobNameProblem, canonicalAddress, nameProblems } from './blob-name.js';

/** One entry of `load.storage`: a container, or a whole account, that loads may read from. */
export interface AllowedStorage {
  /**
   * `https://ACCOUNT.blob.core.windows.net`, or on loopback an account in the path, as the local stack has it:
   * `http://127.0.0.1:10000/devstoreaccount1`.
   */
  readonly accountUrl: string;
  /** Undefined: every container of the account. */
  readonly container?: string;
}

export interface BlobAddress<S extends AllowedStorage = AllowedStorage> {
  readonly storage: S;
  readonly container: string;
  /** Decoded blob name, or prefix of names. */
  readonly blob: string;
  /** Query text of a shared access signature, without `?`; a secret. */
  readonly sas?: string;
  /** Origin and path in their one spelling, without the query: what may be logged, stored and shown. */
  readonly address: string;
}

interface ResolveOptions<S extends AllowedStorage> {
  readonly allowed: readonly S[];
  readonly allowSas: boolean;
  /** Where the text stands in the request, such as `sources[3].url`. */
  readonly place: string;
  readonly kind: BlobKind;
}

const MAX_TEXT_CHARS = 4096;

/** What no text may hold anywhere, the query included. URL parsers drop or rewrite much of it without a word. */
const misspellings: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'is empty'],
  [/[\s\p{Cc}\p{Cf}]/u, 'holds white space, or a control or invisible character; write %20 for a space'],
  [/\\/, nameProblems.backslash],
  [/#/, "holds '#'; write %23 where it belongs to a name"],
  [/;/, nameProblems.semicolon],
  [
    /^(?:abfs|wasb)s?:|^adl:/i,
    'has a scheme of Hadoop; write https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB',
  ],
];

const urlParts = /^(https?:\/\/)([^/?]*)([^?]*)(?:\?(.*))?$/i;
/** A DNS name holds 253 characters, a port five. */
const plainAuthority = /^(?=.{1,259}$)(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?$/i;
const addressLiteral = /^\[|^\d+(?:\.\d+){3}$/;
/** Leaves out `$root`, `$web` and `$logs`, and every encoded spelling. */
const containerName = /^(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])*$/;

/** Of the signatures for a service, for an account and by user delegation; what else changes the read is no part. */
const sasNames = new Set(
  [
    'sv ss srt sp st se spr sip sr sig si ses sdd saoid suoid scid srh srq',
    'skoid sktid skt ske sks skv sduoid skdutid',
    'rscc rscd rsce rscl rsct',
  ].flatMap((line) => line.split(' ')),
);

function wrong(place: string, problem: string): KfError {
  return new KfError('REQUEST_INVALID', `${place}: ${problem}`);
}

function forbidden(place: string, problem: string): KfError {
  return new KfError('LOAD_SOURCE_FORBIDDEN', `${place}: ${problem}`);
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

interface Account {
  readonly origin: string;
  /** Empty, or `/ACCOUNT`. */
  readonly path: string;
}

/** Only loopback may have http, an address for a name, or its account in the path. */
function accountOf(accountUrl: string): Account | undefined {
  if (!URL.canParse(accountUrl)) {
    return undefined;
  }
  const url = new URL(accountUrl);
  const path = url.pathname.replace(/\/$/, '');
  const isCloud = url.protocol === 'https:' && !addressLiteral.test(url.hostname) && path === '';
  return isCloud || isLoopbackHost(url.hostname) ? { origin: url.origin, path } : undefined;
}

/**
 * Scheme, host and port of the text, in lower case. A host that the parser would rewrite (0x7f.1, 2130706433) is
 * kept as it was written, so that it equals nothing that is allowed.
 */
function originOf(scheme: string, authority: string, place: string): string {
  if (authority.includes('@')) {
    throw wrong(place, 'holds a user name or a password before its host');
  }
  const text = `${scheme}${authority}`.toLowerCase();
  if (!plainAuthority.test(authority) || !URL.canParse(text)) {
    throw wrong(place, 'has no host in plain letters, digits, dots and hyphens');
  }
  const { hostname, origin } = new URL(text);
  return hostname === authority.toLowerCase().replace(/:\d+$/, '') ? origin : text;
}

interface Found<S> {
  readonly storage: S;
  readonly container: string;
  /** Undefined: the text ends with the container. */
  readonly rest: string | undefined;
}

/** Every entry under whose account the address lies, with the container that the address names there. */
function inAccount<S extends AllowedStorage>(
  origin: string,
  path: string,
  allowed: readonly S[],
): Found<S>[] {
  return allowed.flatMap((storage) => {
    const account = accountOf(storage.accountUrl);
    if (account?.origin !== origin || !`${path}/`.startsWith(`${account.path}/`)) {
      return [];
    }
    const inside = path.slice(account.path.length + 1);
    const slash = inside.indexOf('/');
    return [
      slash < 0
        ? { storage, container: inside, rest: undefined }
        : { storage, container: inside.slice(0, slash), rest: inside.slice(slash + 1) },
    ];
  });
}

/** The usual slips: http for https, and the Data Lake host of an account for its blob host. */
function wayOut(origin: string, allowed: readonly AllowedStorage[]): string {
  const meant = [origin.replace(/^http:/, 'https:'), origin.replace('.dfs.', '.blob.')].find(
    (other) => other !== origin && allowed.some(({ accountUrl }) => accountOf(accountUrl)?.origin === other),
  );
  return meant === undefined ? '' : `; write ${meant}/`;
}

function locate<S extends AllowedStorage>(
  origin: string,
  path: string,
  options: ResolveOptions<S>,
): Found<S> {
  const { allowed, place } = options;
  const found = inAccount(origin, path, allowed);
  const match =
    found.find(({ storage, container }) => storage.container === container) ??
    found.find(({ storage }) => storage.container === undefined);
  const container = (match ?? found[0])?.container;
  if (container === undefined) {
    throw forbidden(place, `the account at ${origin} is outside load.storage${wayOut(origin, allowed)}`);
  }
  if (!containerName.test(container)) {
    throw wrong(place, 'names no container: 3 to 63 small letters, digits and single hyphens, none encoded');
  }
  if (match === undefined) {
    throw forbidden(place, `the container ${container} at ${origin} is outside load.storage`);
  }
  return match;
}

function blobOf(rest: string | undefined, place: string, kind: BlobKind): string {
  const name = decode(rest ?? '');
  if (name === undefined) {
    throw wrong(place, 'has malformed percent-encoding; write %25 for a percent sign');
  }
  const problem = blobNameProblem(name, kind);
  if (problem !== undefined) {
    throw wrong(place, problem);
  }
  return name;
}

function sasOf(query: string, place: string, allowSas: boolean): string {
  const names = query.split('&').map((pair) => pair.split('=', 1)[0] as string);
  if (!/(?:^|&)sig=[^&]/.test(query)) {
    throw wrong(
      place,
      "has a query that is no shared access signature; write %3F where '?' belongs to a name",
    );
  }
  if (!allowSas) {
    throw forbidden(place, 'carries a SAS, and `load.allowSas` is not set; leave the query out');
  }
  if (!names.every((name) => sasNames.has(name)) || new Set(names).size < names.length) {
    throw wrong(place, 'has a query with a parameter that no shared access signature has, or one twice');
  }
  const text = /^[\w.~%+/=:,*!$()@&-]+$/.test(query) ? decode(query) : undefined;
  if (text === undefined || /\p{Cc}/u.test(text)) {
    throw wrong(place, 'has a query with malformed percent-encoding or characters that must be encoded');
  }
  return query;
}

/**
 * Decides whether a load may read what a caller names, and gives its parts. The text is taken apart as it was
 * written, since a parser of URLs would make many spellings equal to an allowed one.
 * @throws LOAD_SOURCE_FORBIDDEN when it lies elsewhere or may not carry a signature, REQUEST_INVALID when it is no
 * plain blob URL. No message repeats the query, a user name or the name of the blob.
 */
export function resolveBlob<S extends AllowedStorage>(
  text: string,
  options: ResolveOptions<S>,
): BlobAddress<S> {
  const { place, kind, allowSas } = options;
  if (text.length > MAX_TEXT_CHARS) {
    throw wrong(place, `is over ${MAX_TEXT_CHARS} characters long`);
  }
  const problem = misspellings.find(([pattern]) => pattern.test(text))?.[1];
  const parts = urlParts.exec(text);
  if (problem !== undefined || parts === null) {
    throw wrong(place, problem ?? 'does not begin with https://');
  }
  const [, scheme = '', authority = '', path = '', query] = parts;
  const { storage, container, rest } = locate(originOf(scheme, authority, place), path, options);
  const blob = blobOf(rest, place, kind);
  const sas = query === undefined ? {} : { sas: sasOf(query, place, allowSas) };
  return { storage, container, blob, ...sas, address: canonicalAddress(storage.accountUrl, container, blob) };
}

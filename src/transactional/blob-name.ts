/** Whether a source names one blob, or the beginning of the names of many. */
export type BlobKind = 'blob' | 'prefix';

const MAX_BLOB_NAME_CHARS = 1024;
/** So often is a name decoded again, to see what a reader that decodes too often would make of it. */
const MAX_DECODINGS = 3;

/** What may stand neither in the text of an address nor, decoded, in the name of a blob. */
export const nameProblems = {
  backslash: 'holds a backslash',
  semicolon: "holds ';', which Kusto reads as the start of credentials (;impersonate, ;KEY)",
} as const;

function hasDotSegment(name: string): boolean {
  return name.split(/[/\\]/).some((segment) => segment === '.' || segment === '..');
}

/** Does the name lead out of its container, once or when decoded more often than it was encoded? */
function climbs(name: string): boolean {
  let text = name;
  for (let decodings = 0; decodings < MAX_DECODINGS && !hasDotSegment(text); decodings++) {
    text = text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  return hasDotSegment(text);
}

/** Why a load may not read a blob of this (decoded) name, also where the name comes from a list of blobs. */
export function blobNameProblem(name: string, kind: BlobKind): string | undefined {
  const inner = kind === 'prefix' ? name.replace(/(?<=[^/])\/$/, '') : name;
  const checks: readonly (readonly [boolean, string])[] = [
    [name === '' && kind === 'blob', 'names no blob'],
    [name.length > MAX_BLOB_NAME_CHARS, `has a blob name of over ${MAX_BLOB_NAME_CHARS} characters`],
    [/[\p{Cc}\p{Cs}]/u.test(name), 'has a blob name with a control character or half a character'],
    [name.includes('\\'), nameProblems.backslash],
    [name.includes(';'), nameProblems.semicolon],
    [inner !== '' && inner.split('/').includes(''), 'has an empty segment (//, or / at the end of a blob)'],
    [climbs(name), 'has a segment . or .., perhaps encoded'],
  ];
  return checks.find(([fails]) => fails)?.[1];
}

const encodeSegment = (segment: string): string =>
  encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** The one spelling of an address: everything is encoded but letters, digits, `-._~` and the slashes. */
export function canonicalAddress(accountUrl: string, container: string, blob: string): string {
  const { origin, pathname } = new URL(accountUrl);
  return `${origin}${pathname.replace(/\/$/, '')}/${container}/${blob.split('/').map(encodeSegment).join('/')}`;
}

/** Something that must not be found where it does not belong. */
export interface Canary {
  readonly name: string;
  readonly secret: string;
}

/** How a secret was written where it was found. */
export type Form = 'raw' | 'url' | 'base64' | 'base64url' | 'hex';

interface Needle {
  readonly canary: Canary;
  readonly form: Form;
  readonly text: string;
}

/** Base64 of the secret at each of the three offsets it can have in a longer text, without the borders. */
function base64Parts(secret: string): string[] {
  return [0, 1, 2].map((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]);
    const whole = bytes.length - (bytes.length % 3);
    const text = bytes.subarray(0, whole).toString('base64');
    return text.slice(shift === 0 ? 0 : 4);
  });
}

function needlesOf(canary: Canary): Needle[] {
  const { secret } = canary;
  const encoded = encodeURIComponent(secret);
  const lower = encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
  const base64 = [...new Set([...base64Parts(secret), ...base64Parts(encoded)])];
  const hex = Buffer.from(secret).toString('hex');
  const texts: readonly (readonly [Form, string])[] = [
    ['raw', secret],
    ...[encoded, lower, encodeURIComponent(encoded)].map((text) => ['url', text] as const),
    ...base64.map((text) => ['base64', text] as const),
    ...base64.map((text) => ['base64url', text.replaceAll('+', '-').replaceAll('/', '_')] as const),
    ['hex', hex],
    ['hex', hex.toUpperCase()],
  ];
  const distinct = new Map<string, Form>();
  for (const [form, text] of texts) {
    if (!distinct.has(text)) distinct.set(text, form);
  }
  return [...distinct].map(([text, form]) => ({ canary, form, text }));
}

/** A place that was searched: a log line, an answer, a blob. */
export interface Place {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
}

export interface Finding {
  readonly canary: string;
  readonly form: Form;
  readonly kind: string;
  readonly place: string;
  /** What stands around it; the secret itself is starred out. */
  readonly around: string;
}

const AROUND_CHARS = 80;

function around(text: string, at: number, length: number): string {
  const before = text.slice(Math.max(0, at - AROUND_CHARS), at);
  const after = text.slice(at + length, at + length + AROUND_CHARS);
  return `${before}***${after}`.replace(/\s+/g, ' ');
}

/** Finds every form of every canary; one finding per place, canary and form. */
export function createSearch(canaries: readonly Canary[]): (place: Place) => Finding[] {
  const needles = canaries.flatMap(needlesOf);
  return ({ kind, name, text }) =>
    needles.flatMap(({ canary, form, text: needle }) => {
      const at = text.indexOf(needle);
      return at < 0
        ? []
        : [{ canary: canary.name, form, kind, place: name, around: around(text, at, needle.length) }];
    });
}

/** Canaries and forms that the search itself does not find in a text which holds them: none, or it proves nothing. */
export function blindSpots(canaries: readonly Canary[]): string[] {
  const search = createSearch(canaries);
  return canaries.flatMap(({ name, secret }) => {
    const encoded = encodeURIComponent(secret);
    const texts: readonly (readonly [string, string])[] = [
      ['raw', secret],
      ['url', encoded],
      ...['', 'x', 'xy'].map(
        (prefix) => ['base64', Buffer.from(`${prefix}${secret} and more`).toString('base64')] as const,
      ),
      ['base64url', Buffer.from(`{"a":"${secret}"}`).toString('base64url')],
      ['hex', Buffer.from(secret).toString('hex')],
    ];
    return texts
      .filter(
        ([, text]) => !search({ kind: 'self', name, text: `<${text}>` }).some((one) => one.canary === name),
      )
      .map(([form]) => `${name} (${form})`);
  });
}

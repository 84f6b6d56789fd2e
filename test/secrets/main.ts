import { suiteOptions } from '../helpers/args.js';
import { blindSpots, type Canary, createSearch, type Finding, type Place } from './canaries.js';
import { readEverythingStored } from './stored.js';
import { doTheWork, type Seen } from './work.js';
import { startWorld, type World } from './world.js';

/**
 * `npm run test:secrets`: no secret is found in logs, answers, dead letters or anything stored, but where it belongs.
 * Exit 1 when one is found elsewhere, or when a secret was never in use.
 */
interface Allowed {
  readonly what: string;
  readonly why: string;
  readonly allows: (finding: Finding) => boolean;
}

const isSas = ({ canary }: Finding): boolean => canary.startsWith('SAS');

/** The only places that may hold a secret. */
const allowed: readonly Allowed[] = [
  {
    what: 'the answer of POST /api/uploads',
    why: 'a link to which its holder may upload one blob for a short time is what the caller asked for',
    allows: (finding) => finding.kind === 'upload link' && finding.canary === 'SAS of an upload link',
  },
  {
    what: 'messages in the queues of the ingestion service',
    why: 'the service reads the blob by the link in the message; the queue is its own',
    allows: (finding) =>
      isSas(finding) && finding.kind === 'message' && finding.place.startsWith('ready-for-aggregation-'),
  },
  {
    what: 'rows of the status table of the ingestion service',
    why: 'the service writes them, here with the message that the test told it to repeat; the app only reads them',
    allows: ({ kind, place }) => kind === 'entity' && place.startsWith('IngestionsStatus/'),
  },
];

const links = /https?:\/\/[^\s"'<>?]+\?[^\s"'<>]*?\bsig=([A-Za-z0-9%+/=_-]{20,})/g;
const messages = /<MessageText>([^<]+)<\/MessageText>/g;

/** Signature → link of every SAS in a text, also within base64 messages. */
function linksIn(texts: readonly string[]): Map<string, string> {
  const whole = texts.join('');
  const inner = [...whole.matchAll(messages)].map(([, text = '']) =>
    Buffer.from(text, 'base64').toString('utf8'),
  );
  const found = new Map<string, string>();
  for (const [link, value = ''] of [whole, ...inner].flatMap((text) => [...text.matchAll(links)])) {
    found.set(decodeURIComponent(value), link);
  }
  return found;
}

interface Collected {
  readonly canaries: readonly Canary[];
  /** Secrets that were never in use: the run proves nothing about them. */
  readonly unused: readonly string[];
}

function collect(world: World, seen: Seen): Collected {
  const { secrets, gates, proxied, login, door } = world;
  const heard = { rest: gates.rest.heard.join('\n'), message: gates.message.heard.join('\n') };
  const uploads = linksIn(seen.uploadLinks);
  const loads = linksIn(seen.loadLinks);
  const all = linksIn([...gates.rest.heard, '\n', ...gates.message.heard, '\n', ...proxied]);
  const staged = (app: string): string[] =>
    [...all].flatMap(([sig, link]) => (link.includes(`/staging-${app}/`) ? [sig] : []));
  const [restSas, messageSas] = [staged('rest'), staged('message')];
  const ours = new Set([
    ...restSas,
    ...messageSas,
    ...uploads.keys(),
    ...loads.keys(),
    secrets.echoedSignature,
  ]);
  const serviceSas = [...all.keys()].filter((sig) => !ours.has(sig));
  const logins = login.requests.map(({ body }) => body.toString());
  const inUse: Readonly<Record<string, boolean>> = {
    applicationToken: heard.rest.includes(`Bearer ${secrets.applicationToken}`),
    accessToken: heard.message.includes(`Bearer ${secrets.accessToken}`),
    clientSecret: logins.some(
      (body) => new URLSearchParams(body).get('client_secret') === secrets.clientSecret,
    ),
    accountKey: door.heard.some((text) => /authorization: SharedKey/i.test(text)),
    eventHubKey: seen.places.some(({ text }) => text.includes('"decode"')),
    proxyPassword: world.proxy.seen.size > 0,
    functionKey: seen.places.some(({ kind }) => kind === 'cli'),
    echoedSignature: heard.rest.includes(encodeURIComponent(secrets.echoedSignature)),
    'SAS of an upload link': uploads.size > 0,
    'SAS of a source of a load': [...loads.keys()].every((sig) => all.has(sig)) && loads.size > 0,
    'SAS of a blob sent over REST': restSas.length > 0,
    'SAS of a blob sent in a message': messageSas.length > 0,
    'SAS of the service': serviceSas.length > 0,
  };
  const named = (name: string, values: Iterable<string>): Canary[] =>
    [...values].map((secret) => ({ name, secret }));
  const canaries = [
    ...Object.entries(secrets).map(([name, secret]) => ({ name, secret })),
    ...named('SAS of an upload link', uploads.keys()),
    ...named('SAS of a source of a load', loads.keys()),
    ...named('SAS of a blob sent over REST', restSas),
    ...named('SAS of a blob sent in a message', messageSas),
    ...named('SAS of the service', serviceSas),
  ];
  const unused = Object.entries(inUse).flatMap(([name, used]) => (used ? [] : [name]));
  return { canaries, unused };
}

function logsOf({ apps, broken }: World): Place[] {
  const parts = [...Object.entries(apps), ['broken', broken] as const];
  return parts.flatMap(([name, { log }]) =>
    log.map((text, index) => ({ kind: 'log', name: `${name} line ${index + 1}`, text })),
  );
}

const options = suiteOptions('test:secrets');
const say = (line: string): void => {
  (options.json ? console.error : console.log)(line);
};

const world = await startWorld();
try {
  const seen = await doTheWork(world, say).catch((error: unknown) => {
    for (const { name, text } of logsOf(world).slice(-40)) say(`${name}: ${text.slice(0, 400)}`);
    throw error;
  });
  const stored = await readEverythingStored(world.stack.azurite.connectionString);
  const places = [...logsOf(world), ...seen.places, ...stored];
  const { canaries, unused } = collect(world, seen);
  const findings = places.flatMap(createSearch(canaries));
  const leaks = findings.filter((finding) => !allowed.some(({ allows }) => allows(finding)));
  const kinds = ['log', 'answer', 'cli', 'blob', 'entity', 'queue'];
  const searched = Object.fromEntries(
    [...new Set([...kinds, ...places.map(({ kind }) => kind)])].map((kind) => [
      kind,
      places.filter((place) => place.kind === kind).length,
    ]),
  );
  const debugLines = places.filter(({ kind, text }) => kind === 'log' && text.includes('"debug"')).length;
  const vacuous = [
    ...unused.map((name) => `${name} was never in use`),
    ...blindSpots(canaries).map((name) => `the search does not see ${name}`),
    ...kinds.filter((kind) => searched[kind] === 0).map((kind) => `nothing of kind "${kind}" was searched`),
    ...(debugLines === 0 ? ['no log line of level debug was written'] : []),
    ...(findings.some(({ kind }) => kind === 'upload link') ? [] : ['the upload link was not found']),
  ];
  for (const { canary, form, kind, place, around } of leaks) {
    say(`LEAK ${canary} (${form}) in ${kind} ${place}: ${around}`);
  }
  for (const text of vacuous) say(`VACUOUS ${text}`);
  const places_ = allowed.map(({ what, why, allows }) => ({
    what,
    why,
    found: findings.filter(allows).length,
  }));
  for (const { what, why, found } of places_) say(`allowed: ${what} (${found}): ${why}`);
  say(
    `${canaries.length} secrets looked for in ${places.length} places ${JSON.stringify(searched)}: ${leaks.length} leaks`,
  );
  if (options.json) {
    console.log(
      JSON.stringify({
        seed: options.seed,
        canaries: canaries.length,
        searched,
        debugLines,
        allowed: places_,
        leaks,
        vacuous,
      }),
    );
  }
  process.exitCode = leaks.length > 0 || vacuous.length > 0 ? 1 : 0;
} finally {
  await world.stop();
}

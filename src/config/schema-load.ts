import { z } from 'zod';
import { choice, count, duration, flag, optionalText } from './fields.js';

/** `https://ACCOUNT.blob…` with at most a container behind it; http only towards this machine. */
const accountUrl = {
  regex:
    /^(?:https:\/\/[A-Za-z0-9.-]+(?::\d+)?|http:\/\/(?:localhost|127\.\d+\.\d+\.\d+)(?::\d+)?\/[a-z0-9]+)(?:\/[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9]))?\/?$/,
  expected: 'write https://ACCOUNT.blob.core.windows.net or https://ACCOUNT.blob.core.windows.net/CONTAINER',
} as const;

const entrySchema = z
  .object({
    container: optionalText('Container; alone, one of the app’s own storage account.', {
      regex: /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/,
      expected: 'containers have 3 to 63 small letters, digits and single hyphens',
    }),
    url: optionalText('Another account, or one of its containers.', accountUrl),
    connection: optionalText('App setting (prefix) of another account, as `storage.connection`.', {
      regex: /^[A-Za-z_][A-Za-z0-9_.:-]*$/,
      expected: 'write the name of an app setting, not its value',
    }),
    access: choice(['identity', 'public', 'sas'], {
      doc: 'How an account named by `url` is read: with the identity of the app, which makes links for the cluster; as anybody can; or only with the SAS of each address (needs `allowSas`).',
      default: 'identity',
    }),
  })
  .superRefine((entry, context) => {
    const refuse = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (entry.url !== undefined && entry.connection !== undefined) {
      refuse('connection', 'stands beside url; write one of them');
    }
    if (entry.url !== undefined && entry.container !== undefined) {
      refuse('container', 'stands beside url; write the container at the end of the url');
    }
    if (entry.url === undefined && entry.connection === undefined && entry.container === undefined) {
      refuse('container', 'is missing; write a container of the app’s own account, a url or a connection');
    }
    if (entry.url === undefined && entry.access !== 'identity') {
      refuse('access', `${entry.access} needs a url`);
    }
  });

export const loadSchema = z
  .object({
    storage: z.array(entrySchema, { error: 'is no list' }).default([]).meta({
      description: 'Where loads may read blobs from; uploads need no entry.',
      'x-default': '[]',
    }),
    allowSas: flag({
      doc: 'Addresses of sources may carry a SAS; it is kept in the app’s storage until the load ends, and nowhere else.',
      default: false,
    }),
    maxSources: count({ doc: 'Blobs of one load.', default: 50_000, min: 1, max: 500_000 }),
    maxExtentsPerMove: count({
      doc: 'Extents that one command commits; a load that may have more is refused unless it allows partial visibility.',
      default: 5_000,
      min: 50,
      max: 20_000,
    }),
    reapEveryMs: duration({
      doc: 'How often staging tables and blobs that no running load owns are looked for.',
      default: 600_000,
      min: 1000,
      max: 3_600_000,
    }),
    keepMs: duration({
      doc: 'How long the record of a load that has ended is kept.',
      default: 30 * 86_400_000,
      min: 60_000,
    }),
  })
  .prefault({})
  .meta({ description: 'All-or-nothing loads of blobs (`POST /api/loads`).' });
export type LoadInputSection = z.output<typeof loadSchema>;

import { z } from 'zod';
import { choiceError, duration, optionalText, text, textList } from './fields.js';

const authorityHost = optionalText(
  'Sign-in host of a sovereign cloud, such as https://login.microsoftonline.us.',
  {
    regex: /^https:\/\/[^/]+\/?$/,
    expected: 'write an https URL without a path',
  },
);

const kinds = [
  'managedIdentity',
  'application',
  'certificate',
  'workloadIdentity',
  'azureCli',
  'accessToken',
  'none',
] as const;

const authBranches = [
  z.object({
    kind: z.literal('managedIdentity'),
    clientId: optionalText(
      'Client id of a user-assigned identity; left out, the system-assigned one is used.',
    ),
  }),
  z.object({
    kind: z.literal('application'),
    tenantId: text('Tenant of the application.'),
    clientId: text('Application (client) id.'),
    clientSecret: text('Client secret; always write it as an app setting.'),
    authorityHost,
  }),
  z.object({
    kind: z.literal('certificate'),
    tenantId: text('Tenant of the application.'),
    clientId: text('Application (client) id.'),
    path: text('PEM file with certificate and private key.'),
    authorityHost,
  }),
  z.object({
    kind: z.literal('workloadIdentity'),
    tenantId: optionalText('Tenant; left out, AZURE_TENANT_ID decides.'),
    clientId: optionalText('Client id; left out, AZURE_CLIENT_ID decides.'),
    tokenFilePath: optionalText(
      'File with the federated token; left out, AZURE_FEDERATED_TOKEN_FILE decides.',
    ),
    authorityHost,
  }),
  z.object({ kind: z.literal('azureCli') }),
  z.object({
    kind: z.literal('accessToken'),
    token: text('A token for the cluster; it is not renewed, so this is for trying things out.'),
  }),
  z.object({ kind: z.literal('none') }),
] as const;

const auth = z
  .discriminatedUnion('kind', authBranches, {
    error: (issue) => {
      const input = issue.input as { readonly kind?: unknown } | undefined;
      return input === null || typeof input !== 'object'
        ? `is required; write {kind: managedIdentity} or another of ${kinds.join(', ')}`
        : choiceError(kinds)({ input: input.kind });
    },
  })
  .meta({
    description: 'How the app signs in to the cluster. `none` is refused unless the host is this machine.',
  });

/** The `kusto` key. */
export const kustoSchema = z
  .object(
    {
      cluster: text(
        'URL of the cluster: public, private link, Synapse, Fabric Eventhouse, sovereign, or localhost.',
      ),
      ingestUri: optionalText('URL of the ingest endpoint; left out, it is derived from `cluster`.'),
      auth,
      proxyUrl: optionalText('HTTP proxy for the calls to engine, ingest endpoint and storage.', {
        regex: /^https?:\/\/[^/\s]+\/?$/,
        expected: 'write http://HOST:PORT',
      }),
      resourceCacheMs: duration({
        doc: 'How long the ingestion resources of the cluster are kept before they are asked for again.',
        default: 7_200_000,
        min: 60_000,
        max: 86_400_000,
      }),
      trustedHosts: textList(
        'Hosts outside the known Kusto domains that may be sent a token: `host.name` or `*.domain`.',
        { regex: /^(?:\*\.)?[A-Za-z0-9.-]+$/, expected: 'write host.name or *.domain' },
      ),
    },
    { error: () => 'is required; write at least cluster and auth' },
  )
  .meta({ description: 'The cluster and how to reach it.' });

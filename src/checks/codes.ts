/** What a start-up check can find; `docs/errors.md` is generated from this table. Codes are never renamed. */
export const checkCodes = {
  OK: { cause: 'The check passed', fix: 'Nothing.' },
  DNS_FAILED: {
    cause: 'A host name cannot be resolved',
    fix: 'Check the URL, and the private DNS zone when it is a private endpoint.',
  },
  TCP_FAILED: {
    cause: 'A host does not accept a connection',
    fix: 'Check firewall, network rules and, if there is one, the proxy.',
  },
  TLS_FAILED: {
    cause: 'A secure connection cannot be made',
    fix: 'Check the certificate; behind an inspecting proxy set NODE_EXTRA_CA_CERTS.',
  },
  PROXY_FAILED: {
    cause: 'The proxy refuses or cannot be reached',
    fix: 'Check `kusto.proxyUrl` and what the proxy allows.',
  },
  CLUSTER_FAILED: { cause: 'The cluster does not answer a command', fix: 'See the message.' },
  INGEST_ENDPOINT_FAILED: {
    cause: 'The ingest endpoint does not answer a command',
    fix: 'Check `kusto.ingestUri`.',
  },
  INGEST_ENDPOINT_WRONG: {
    cause: 'The ingest URL is that of an engine',
    fix: 'Write the URL with `ingest-` before the name in `kusto.ingestUri`.',
  },
  DATABASE_FAILED: {
    cause: 'The database is missing or cannot be read',
    fix: 'Create it, or correct `route.database`.',
  },
  VIEWER_MISSING: {
    cause: 'The principal may not look at the database, so the checks cannot see it',
    fix: 'Grant Database Viewer; ingestion itself does not need it.',
  },
  TABLE_MISSING: {
    cause: 'The target table does not exist',
    fix: 'Create it: `kusto-functions apply` when it is in `tables`.',
  },
  TABLE_CREATE_FAILED: {
    cause: 'The target table could not be created',
    fix: 'Grant Database User, or create the table yourself.',
  },
  MAPPING_MISSING: {
    cause: 'The mapping does not exist for the format of the route',
    fix: 'Create it: `kusto-functions apply` when it is in `tables`.',
  },
  MAPPING_INCOMPLETE: {
    cause: 'The mapping or the table has no place for a metadata column',
    fix: 'Add the column, or leave it out of `route.columns`.',
  },
  INGESTOR_MISSING: {
    cause: 'The principal may not ingest',
    fix: 'Grant Database Ingestor (or Table Ingestor).',
  },
  STREAMING_POLICY_OFF: {
    cause: 'Streaming ingestion is off for the table and its database',
    fix: 'Enable the policy, or use `delivery: queued`.',
  },
  STREAMING_CLUSTER_OFF: {
    cause: 'Streaming ingestion is off for the whole cluster',
    fix: 'Enable it on the cluster (Configuration, Streaming ingestion), or use `delivery: queued`.',
  },
  BATCHING_DEFAULT: {
    cause: 'No batching policy is set, so rows appear after up to five minutes',
    fix: 'Set one, if that is too long.',
  },
  BATCHING_TOO_LONG: {
    cause: 'The batching policy waits longer than `settle.settleTimeoutMs`',
    fix: 'Shorten the policy or raise the timeout.',
  },
  STORAGE_FAILED: {
    cause: 'A container or table of the storage account cannot be used',
    fix: 'Check address, firewall and rights.',
  },
  CHECK_INCOMPLETE: { cause: 'A check could not be carried out', fix: 'See the message.' },
} as const satisfies Record<string, { readonly cause: string; readonly fix: string }>;

export type CheckCode = keyof typeof checkCodes;

/** Outcome of one check. */
export interface Check {
  /** Stable and readable, such as `table Samples.Flights`. */
  readonly name: string;
  readonly ok: boolean;
  readonly code: CheckCode;
  readonly message: string;
  /** The role or command that mends it; empty when there is nothing to mend. */
  readonly fix: string;
  /** Told, but no reason to stop. */
  readonly warning?: boolean;
}

export interface CheckReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

export const passed = (name: string, message = 'ok'): Check => ({
  name,
  ok: true,
  code: 'OK',
  message,
  fix: '',
});

export function failed(
  name: string,
  code: CheckCode,
  detail: { readonly message: string; readonly fix?: string; readonly warning?: boolean },
): Check {
  const { message, fix = checkCodes[code].fix, warning } = detail;
  return { name, ok: false, code, message, fix, ...(warning === true ? { warning } : {}) };
}

/** Good when nothing failed but warnings. */
export function report(checks: readonly Check[]): CheckReport {
  return { ok: checks.every(({ ok, warning }) => ok || warning === true), checks };
}

import { connectionSetting, type Settings } from './settings.js';

/** The account, without the names of what lives in it. */
export interface StorageAccount {
  readonly connectionString?: string;
  readonly blobUrl?: string;
  readonly tableUrl?: string;
  readonly queueUrl?: string;
  readonly clientId?: string;
}

const services = ['blob', 'table', 'queue'] as const;
type Service = (typeof services)[number];

function serviceUrl(settings: Settings, connection: string, service: Service): string | undefined {
  const accountName = settings[`${connection}__accountName`];
  const given = settings[`${connection}__${service}ServiceUri`];
  const plain = service === 'blob' ? settings[`${connection}__serviceUri`] : undefined;
  return given || plain || (accountName ? `https://${accountName}.${service}.core.windows.net` : undefined);
}

/** The URL of a sibling service of the account, told from the blob URL. */
function sibling(blobUrl: string | undefined, service: Service): string | undefined {
  return blobUrl?.includes('.blob.') === true ? blobUrl.replace('.blob.', `.${service}.`) : undefined;
}

function isServiceUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/**
 * The storage account behind a connection prefix, as Functions bindings name it: a connection string in `NAME`
 * (also `UseDevelopmentStorage=true`), or an account reached with an identity. Returns a message when it is
 * missing or wrong.
 */
export function resolveStorage(settings: Settings, connection: string): StorageAccount | string {
  const connectionString = connectionSetting(settings, connection);
  if (connectionString !== undefined) {
    const known = /UseDevelopmentStorage=true|AccountKey=|SharedAccessSignature=/i.test(connectionString);
    return known
      ? { connectionString }
      : `app setting ${connection} is no storage connection string; write one, or set ${connection}__accountName`;
  }
  const blobUrl = serviceUrl(settings, connection, 'blob');
  const tableUrl = serviceUrl(settings, connection, 'table') ?? sibling(blobUrl, 'table');
  const queueUrl = serviceUrl(settings, connection, 'queue') ?? sibling(blobUrl, 'queue');
  const clientId = settings[`${connection}__clientId`] || undefined;
  const credential = settings[`${connection}__credential`] || undefined;
  if (blobUrl === undefined) {
    return `app setting ${connection} has no value; set it, or ${connection}__accountName for an identity`;
  }
  if (tableUrl === undefined) {
    return `app setting ${connection}__tableServiceUri has no value, and it cannot be told from the blob URL`;
  }
  const wrong = [blobUrl, tableUrl, queueUrl].find((url) => url !== undefined && !isServiceUrl(url));
  if (wrong !== undefined) {
    return `app settings ${connection}__*: ${JSON.stringify(wrong)} is no URL`;
  }
  if (credential !== undefined && credential.toLowerCase() !== 'managedidentity') {
    return `app setting ${connection}__credential: only managedidentity is supported`;
  }
  return {
    blobUrl,
    tableUrl,
    ...(queueUrl === undefined ? {} : { queueUrl }),
    ...(clientId === undefined ? {} : { clientId }),
  };
}

/** The development account of Azurite. */
const DEVELOPMENT_BLOB_URL = 'http://127.0.0.1:10000/devstoreaccount1';

/** The address of the account's blobs, without a slash at its end; undefined when the settings do not tell it. */
export function blobAccountUrl({ connectionString, blobUrl }: StorageAccount): string | undefined {
  if (connectionString === undefined) {
    return blobUrl?.replace(/\/+$/, '');
  }
  const value = (key: string): string | undefined =>
    new RegExp(`(?:^|;)\\s*${key}=([^;]+)`, 'i').exec(connectionString)?.[1]?.trim();
  const development = /UseDevelopmentStorage=true/i.test(connectionString) ? DEVELOPMENT_BLOB_URL : undefined;
  const name = value('AccountName');
  const derived =
    name === undefined
      ? undefined
      : `${value('DefaultEndpointsProtocol') ?? 'https'}://${name}.blob.${value('EndpointSuffix') ?? 'core.windows.net'}`;
  return (value('BlobEndpoint') ?? development ?? derived)?.replace(/\/+$/, '');
}

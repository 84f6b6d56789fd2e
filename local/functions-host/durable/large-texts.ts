import { createHash } from 'node:crypto';
import { BlobServiceClient, type ContainerClient, RestError } from '@azure/storage-blob';

/** Longest text kept in a table property, in UTF-16 units; a property holds 64 KiB. */
const MAX_INLINE_CHARS = 30_000;

/** A text in a table row: itself, or the name of the blob that holds it. */
export interface PackedText {
  text?: string;
  blob?: string;
}

/** Who holds texts, and the blobs they are in at present. */
interface TextOwner {
  instanceId: string;
  executionId: string;
  blobs?: readonly string[];
}

/** Texts too long for a table property or a queue message, each in a blob of its own. */
export interface LargeTexts {
  prepare(): Promise<void>;
  /** Puts a text into a blob below the instance's folder when it is long. */
  pack(instanceId: string, text: string | undefined): Promise<PackedText>;
  /** As `pack`, but a text that is among the owner's blobs is not stored again: for texts written with each change. */
  packOnce(owner: TextOwner, text: string | undefined): Promise<PackedText>;
  unpack(packed: PackedText): Promise<string | undefined>;
  /** Stores a text in any case; returns the blob's name. */
  put(instanceId: string, text: string): Promise<string>;
  get(name: string): Promise<string>;
  remove(name: string): Promise<void>;
  /** Removes all texts of an instance but these. */
  removeAll(instanceId: string, except: readonly string[]): Promise<void>;
}

/** Folder of an instance in the container. */
function folder(instanceId: string): string {
  return `${encodeURIComponent(instanceId)}/`;
}

async function removeBlob(container: ContainerClient, name: string): Promise<void> {
  await container.getBlockBlobClient(name).deleteIfExists();
}

/** Opens `<hub>-largemessages`. */
export function createLargeTexts(storage: string, hubName: string, newId: () => string): LargeTexts {
  const container = BlobServiceClient.fromConnectionString(storage).getContainerClient(
    `${hubName.toLowerCase()}-largemessages`,
  );
  const upload = async (name: string, text: string) => {
    const body = Buffer.from(text);
    await container.getBlockBlobClient(name).upload(body, body.length);
  };
  const put = async (instanceId: string, text: string) => {
    const name = `${folder(instanceId)}${newId()}`;
    await upload(name, text);
    return name;
  };
  const get = async (name: string) =>
    (await container.getBlockBlobClient(name).downloadToBuffer()).toString('utf8');
  return {
    prepare: async () => {
      await container.createIfNotExists();
    },
    put,
    get,
    async pack(instanceId, text) {
      if (text === undefined) return {};
      return text.length <= MAX_INLINE_CHARS ? { text } : { blob: await put(instanceId, text) };
    },
    async packOnce({ instanceId, executionId, blobs = [] }, text) {
      if (text === undefined || text.length <= MAX_INLINE_CHARS) return { text };
      const name = `${folder(instanceId)}${executionId}-${createHash('sha256').update(text).digest('hex')}`;
      if (!blobs.includes(name)) await upload(name, text);
      return { blob: name };
    },
    async unpack({ text, blob }) {
      return blob ? get(blob) : text;
    },
    remove: (name) => removeBlob(container, name),
    async removeAll(instanceId, except) {
      for await (const { name } of container.listBlobsFlat({ prefix: folder(instanceId) })) {
        if (!except.includes(name)) await removeBlob(container, name);
      }
    },
  };
}

/** True for an answer of the storage service with one of these status codes. */
export function hasStatus(error: unknown, ...codes: number[]): boolean {
  const status =
    error instanceof RestError ? error.statusCode : (error as { statusCode?: number }).statusCode;
  return status !== undefined && codes.includes(status);
}

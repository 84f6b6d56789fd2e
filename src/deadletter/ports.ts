/** `decode`: the record itself is bad. `delivery`: it could not be brought into the table. */
export type DeadLetterKind = 'decode' | 'delivery';

export interface DeadLetter {
  readonly id: string;
  readonly kind: DeadLetterKind;
  /** Original body bytes, as they came from the source wherever they are still known. */
  readonly body: Uint8Array;
  /** `original`: to be replayed through the whole path; `encoded`: after transform and metadata columns. */
  readonly bodyForm: 'original' | 'encoded';
  readonly key?: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly source: string;
  readonly partition: string;
  readonly offset: string;
  readonly sequenceNumber: number;
  readonly index?: number;
  readonly enqueuedAt?: string;
  readonly database: string;
  readonly table: string;
  readonly format: string;
  /** By reference, as the caller or the route named it. */
  readonly mapping?: string;
  /** Ours. */
  readonly code: string;
  /** The service's, when it refused the record. */
  readonly serviceCode?: string;
  readonly message: string;
  readonly attempts: number;
  readonly timeMs: number;
}

export interface DeadLetterFilter {
  readonly source?: string;
  readonly kind?: DeadLetterKind;
  readonly code?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly limit?: number;
  readonly continuation?: string;
}

export interface DeadLetterPage {
  readonly letters: readonly (DeadLetter & { readonly replayedAtMs?: number })[];
  readonly continuation?: string;
}

export interface DeadLetterStore {
  /** Durable when it resolves; the same letters written twice are one (ids are computed from the position). */
  write(letters: readonly DeadLetter[], signal?: AbortSignal): Promise<void>;
  list(filter: DeadLetterFilter): Promise<DeadLetterPage>;
  /** Marks as replayed; deletes nothing. */
  markReplayed(ids: readonly string[]): Promise<void>;
}

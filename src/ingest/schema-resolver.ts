/** How a datum names its writer schema. */
export type SchemaReference =
  /** Wire format of Kafka registries: a zero byte, four bytes of id, the datum. */
  | { readonly registry: 'confluent'; readonly id: number }
  /** Azure Schema Registry: content type `avro/binary+<id>`, the body is the datum. */
  | { readonly registry: 'azure'; readonly id: string };

export interface ResolvedSchema {
  /** The schema, parsed from JSON. */
  readonly schema: unknown;
  /** Schemas that it refers to by name, in any order. */
  readonly references: readonly unknown[];
}

/** Looks writer schemas up; retries and caches answers by itself. @throws KfError when there is no such schema */
export interface SchemaResolver {
  resolve(reference: SchemaReference): Promise<ResolvedSchema>;
}

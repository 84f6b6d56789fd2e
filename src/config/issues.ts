import type { z } from 'zod';
import { ownValue } from '../runtime/own-value.js';
import { show } from './fields.js';
import type { Path } from './mistakes.js';
import { nearest } from './nearest.js';

export interface Finding {
  readonly path: Path;
  readonly problem: string;
}

/** A JSON Schema node, as far as it is walked here. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly description?: string;
  readonly 'x-unit'?: string;
  readonly 'x-default'?: string;
  readonly 'x-range'?: string;
}

function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (node, key) =>
      node !== null && typeof node === 'object' ? (node as Record<PropertyKey, unknown>)[key] : undefined,
    tree,
  );
}

/** The branch of a union that the value was meant for: the one that got past its own type. */
function unionIssues(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] {
  const branches = issue.errors.filter((branch) => branch.every(({ path }) => path.length > 0));
  const chosen =
    branches[0] ?? issue.errors.find((branch) => branch.some(({ code }) => code !== 'invalid_type'));
  return (chosen ?? []).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** Did no field say it better? */
function isGeneric(issue: z.core.$ZodIssue): boolean {
  return issue.message.startsWith('Invalid ') || issue.message.startsWith('Too ');
}

/** What zod expected, as people call it. */
const kindsInWords: Readonly<Record<string, string>> = {
  object: 'a map (key: value)',
  record: 'a map (key: value)',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function problemOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (!isGeneric(issue)) {
    return issue.message;
  }
  if (value === undefined) {
    return 'is required';
  }
  if (issue.code === 'invalid_type') {
    return `is ${show(value)}; write ${ownValue(kindsInWords, issue.expected) ?? `a ${issue.expected}`}`;
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
    return `${show(value)} is out of range; write ${bound}`;
  }
  if (issue.code === 'invalid_key') {
    return `has a name that is not allowed: ${issue.issues.map(({ message }) => message).join('; ')}`;
  }
  return issue.code === 'invalid_union' ? `${show(value)} has the wrong type` : issue.message;
}

/** What zod found, in our words. */
export function findingsOf(error: z.ZodError, tree: unknown): Finding[] {
  const flatten = (issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] => {
    const inner = issue.code === 'invalid_union' && isGeneric(issue) ? unionIssues(issue) : [];
    return inner.length > 0 ? inner.flatMap(flatten) : [issue];
  };
  return error.issues.flatMap(flatten).map((issue) => ({
    path: issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part)),
    problem: problemOf(issue, valueAt(tree, issue.path)),
  }));
}

/** Names that other Kusto connectors give to what a key of ours does. */
const peerNames: Readonly<Record<string, string>> = {
  batchintervalms: 'route.batch.maxAgeMs',
  batchsize: 'route.batch.maxRecords',
  clientbatchsizelimit: 'route.batch.maxBytes',
  flushsizebytes: 'route.batch.maxBytes',
  flushintervalms: 'route.batch.maxAgeMs',
  ingestionmappingref: 'route.mapping',
  mappingname: 'route.mapping',
  streaming: 'route.delivery: streaming',
  behavioronerror: 'onError',
  clusterurl: 'kusto.cluster',
  ingestionurl: 'kusto.ingestUri',
  queryurl: 'kusto.cluster',
};

function branchesOf(node: SchemaNode): readonly SchemaNode[] {
  return [node, ...(node.anyOf ?? []), ...(node.oneOf ?? [])];
}

function propertiesOf(node: SchemaNode, value: object): Readonly<Record<string, SchemaNode>> {
  const kind = (value as { readonly kind?: unknown }).kind;
  const branches = branchesOf(node);
  const discriminated = branches.filter((branch) => branch.properties?.['kind']?.const === kind);
  return Object.assign(
    {},
    ...(discriminated.length > 0 ? discriminated : branches).map((one) => one.properties ?? {}),
  );
}

/** Where in the schema a key of that name lives, such as `sources[].route.format`. */
function placesOf(node: SchemaNode, key: string, at: string): string[] {
  return branchesOf(node).flatMap((branch) => [
    ...Object.entries(branch.properties ?? {}).flatMap(([name, child]) => {
      const here = at === '' ? name : `${at}.${name}`;
      return [...(name === key ? [here] : []), ...placesOf(child, key, here)];
    }),
    ...(branch.items === undefined ? [] : placesOf(branch.items, key, `${at}[]`)),
  ]);
}

function unknownKey(root: SchemaNode, key: string, known: readonly string[]): string {
  const close = nearest(key, known);
  if (close !== undefined) {
    return `is no known key; did you mean ${close}?`;
  }
  const place = placesOf(root, key, '')[0] ?? ownValue(peerNames, key.toLowerCase().replace(/[^a-z]/g, ''));
  const hint = place === undefined ? `known here: ${known.join(', ')}` : `did you mean ${place}?`;
  return `is no known key; ${hint}`;
}

/** Keys of the tree that the schema does not know, wherever they stand. */
export function unknownKeys(root: SchemaNode, tree: unknown): Finding[] {
  const walk = (node: SchemaNode, value: unknown, path: Path): Finding[] => {
    if (Array.isArray(value)) {
      const items = branchesOf(node).find((branch) => branch.items !== undefined)?.items;
      return items === undefined ? [] : value.flatMap((item, index) => walk(items, item, [...path, index]));
    }
    if (value === null || typeof value !== 'object') {
      return [];
    }
    const open = branchesOf(node).some((branch) => typeof branch.additionalProperties === 'object');
    const known = propertiesOf(node, value);
    if (open || Object.keys(known).length === 0) {
      return [];
    }
    return Object.entries(value).flatMap(([key, child]) => {
      const next = Object.hasOwn(known, key) ? known[key] : undefined;
      return next === undefined
        ? [{ path: [...path, key], problem: unknownKey(root, key, Object.keys(known)) }]
        : walk(next, child, [...path, key]);
    });
  };
  return walk(root, tree, []);
}

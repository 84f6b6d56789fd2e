import type { DynamicNode } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { definer, type FunctionTable } from './define.js';

export const urlFunctions: FunctionTable = new Map();
const define = definer(urlFunctions);

const URL_PARTS =
  /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^:/?#]*)(?::(\d*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

function queryBag(query: string): Map<string, DynamicNode> {
  const bag = new Map<string, DynamicNode>();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const key = equals < 0 ? part : part.slice(0, equals);
    bag.set(decoded(key), equals < 0 ? '' : decoded(part.slice(equals + 1)));
  }
  return bag;
}

define('parse_url parseurl', ['text', 'dynamic'], (text: string) => {
  const match = URL_PARTS.exec(text);
  const [
    ,
    scheme = '',
    user = '',
    password = '',
    host = '',
    port = '',
    path = '',
    query = '',
    fragment = '',
  ] = match ?? [];
  return dynamicFromNode(
    new Map<string, DynamicNode>([
      ['Scheme', scheme],
      ['Host', host],
      ['Port', port],
      ['Path', path],
      ['Username', user],
      ['Password', password],
      ['Query Parameters', queryBag(query)],
      ['Fragment', fragment],
    ]),
  );
});

define('parse_urlquery parseurlquery', ['text', 'dynamic'], (text: string) =>
  dynamicFromNode(new Map([['Query Parameters', queryBag(text.replace(/^\?/, ''))]])));

define('parse_path', ['text', 'dynamic'], (text: string) => {
  const separator = Math.max(text.lastIndexOf('/'), text.lastIndexOf('\\'));
  const filename = text.slice(separator + 1);
  const dot = filename.lastIndexOf('.');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1] ?? '';
  const root = /^(?:[A-Za-z]:|\/)/.exec(text)?.[0] ?? '';
  return dynamicFromNode(
    new Map<string, DynamicNode>([
      ['Scheme', scheme],
      ['RootPath', scheme === '' ? root : ''],
      ['DirectoryPath', separator < 0 ? '' : text.slice(0, separator)],
      ['DirectoryName', separator < 0 ? '' : (text.slice(0, separator).split(/[\\/]/).at(-1) ?? '')],
      ['Filename', filename],
      ['Extension', dot < 0 ? '' : filename.slice(dot + 1)],
      ['AlternateDataStreamName', ''],
    ]),
  );
});

import { notSupported } from '../../errors.js';
import { literalOf, nameOf } from '../bind/literals.js';
import { elements, need, type Syntax, sourceText } from '../parser/syntax.js';

/**
 * Parameters such as `kind=inner` of an operator. Hints are accepted and mean nothing here.
 * @throws KustoError a refusal of a parameter that is not among `known`
 */
export function operatorParameters(
  node: Syntax,
  operator: string,
  known: readonly string[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const parameter of elements(node, 'Parameters')) {
    const name = nameOf(need(parameter, 'Name'));
    if (!name.startsWith('hint.') && !known.includes(name)) {
      throw notSupported(`parameter '${name}' of operator \`${operator}\``);
    }
    const value = need(parameter, 'Expression');
    const literal = literalOf(value);
    found.set(name, literal === undefined ? nameText(value) : String(literal.value));
  }
  return found;
}

function nameText(value: Syntax): string {
  return value.kind === 'NameDeclaration' || value.kind === 'NameReference'
    ? nameOf(value)
    : sourceText(value);
}

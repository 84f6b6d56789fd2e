import { KustoError } from '../errors.js';

const LIMITS_EXCEEDED = 'LimitsExceeded';

/** A semantic error in the service's words: `Semantic error: SEM0100: …`. */
export function semanticError(code: string, detail: string): KustoError {
  return new KustoError(`Semantic error: ${code}: ${detail}`, {
    status: 400,
    code: 'General_BadRequest',
    type: 'Kusto.Data.Exceptions.SemanticException',
    innerCode: code,
  });
}

export function unresolvedScalar(operator: string, name: string): KustoError {
  return semanticError(
    'SEM0100',
    `'${operator}' operator: Failed to resolve column or scalar expression named '${name}'`,
  );
}

export function unresolvedTable(name: string, operator?: string): KustoError {
  const place = operator === undefined ? '' : `'${operator}' operator: `;
  return semanticError('SEM0100', `${place}Failed to resolve table expression named '${name}'`);
}

/** `Syntax error: …` with the place in the query text. */
export function syntaxError(detail: string, text: string, offset: number): KustoError {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - before.lastIndexOf('\n');
  const near = text.slice(offset, offset + 24).split('\n')[0];
  return new KustoError(
    `Syntax error: SYN0002: ${detail} [line:position=${line}:${column}]. Query: near '${near}'`,
    {
      status: 400,
      code: 'General_BadRequest',
      type: 'Kusto.Data.Exceptions.SyntaxException',
      innerCode: 'SYN0002',
    },
  );
}

/** A value met at run time that the operator cannot take. */
export function evaluationError(detail: string): KustoError {
  return new KustoError(`Query execution has resulted in error: ${detail}`, {
    status: 400,
    code: 'General_BadRequest',
    type: 'Kusto.Data.Exceptions.KustoServicePartialQueryFailureException',
  });
}

/** E_QUERY_RESULT_SET_TOO_LARGE, E_RUNAWAY_QUERY and their like. */
export function limitExceeded(detail: string): KustoError {
  return new KustoError(`Query execution lacks resources to complete: ${detail}`, {
    status: 400,
    code: LIMITS_EXCEEDED,
    type: 'Kusto.Data.Exceptions.KustoServicePartialQueryFailureLimitsExceededException',
  });
}

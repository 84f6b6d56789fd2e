/** Pieces of an OpenAPI document. */
export type Json = Readonly<Record<string, unknown>>;

export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
export const json = (schema: Json): Json => ({ 'application/json': { schema } });
export const answer = (description: string, schema: Json): Json => ({ description, content: json(schema) });
export const object = (properties: Json, required: readonly string[] = []): Json => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
});
export const list = (items: Json): Json => ({ type: 'array', items });
export const text: Json = { type: 'string' };
export const whole: Json = { type: 'integer' };
export const flagType: Json = { type: 'boolean' };

const problemAnswer: Json = {
  description: 'What went wrong, with our code and the next command to run',
  content: { 'application/problem+json': { schema: ref('Problem') } },
};

export const path = (name: string): Json => ({ name, in: 'path', required: true, schema: text });
export const query = (name: string, schema: Json, description: string): Json => ({
  name,
  in: 'query',
  schema,
  description,
});

export function operation(summary: string, facts: Json): Json {
  const { responses, ...rest } = facts as { responses: Json };
  return { summary, ...rest, responses: { ...responses, default: problemAnswer } };
}

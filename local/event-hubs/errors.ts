import type { AmqpErrorFields } from './rhea.js';

/** A refusal that goes to the client as an AMQP error. Conditions are those Event Hubs uses. */
export class Refusal extends Error {
  readonly condition: string;

  constructor(condition: string, description: string) {
    super(description);
    this.name = 'Refusal';
    this.condition = condition;
  }
}

/** AMQP fields of any error; what is not a {@link Refusal} is an internal error. */
export function amqpError(error: unknown): AmqpErrorFields {
  if (error instanceof Refusal) return { condition: error.condition, description: error.message };
  return {
    condition: 'amqp:internal-error',
    description: error instanceof Error ? error.message : String(error),
  };
}

/** Something with this name does not exist. */
export function notFound(what: string): Refusal {
  return new Refusal('amqp:not-found', `The messaging entity '${what}' could not be found.`);
}

import { inspect } from 'node:util';

/** A URL whose query part is a secret: every rendered form shows origin and path only. */
export class SasUrl {
  readonly #href: string;

  constructor(href: string) {
    this.#href = new URL(href).href;
  }

  /** The secret itself; only for the call that needs it. */
  reveal(): string {
    return this.#href;
  }

  /** Origin and path, without the query. */
  get address(): string {
    const url = new URL(this.#href);
    return `${url.origin}${url.pathname}`;
  }

  toString(): string {
    return this.address;
  }

  toJSON(): string {
    return this.address;
  }

  [inspect.custom](): string {
    return `SasUrl(${this.address})`;
  }
}

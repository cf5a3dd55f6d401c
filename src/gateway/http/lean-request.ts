/**
 * A request whose fields are read once, into the slots of `Fields`. Node asks each request for `headers.expect`, and
 * would make an object of all fields for that one question; here it gets an object that holds no more than that.
 */
import { IncomingMessage } from 'node:http';
import { Fields } from '../fields.ts';

export class LeanRequest extends IncomingMessage {
  #fields: Fields | undefined;

  get fields(): Fields {
    this.#fields ??= new Fields(this.rawHeaders);
    return this.#fields;
  }
}

const none = Object.freeze({});

// A getter in place of Node's own; TypeScript knows `headers` as a plain property.
Object.defineProperty(LeanRequest.prototype, 'headers', {
  get(this: LeanRequest) {
    const expect = this.fields.get('expect');
    return expect === undefined ? none : { expect };
  },
});

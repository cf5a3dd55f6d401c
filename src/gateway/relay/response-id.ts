/**
 * Finds the id of a response of the Responses API in its first bytes. All known engines write it as one of the first
 * members, also in the first event of a stream.
 */
const member = /"id"\s*:\s*"(resp[_-][A-Za-z0-9_-]{1,250})"/;
const maxBytes = 4096;

export class ResponseIdFinder {
  #text: string | undefined = '';
  #id: string | undefined;

  get id(): string | undefined {
    return this.#id;
  }

  read(buffer: Buffer, from: number, to: number): void {
    if (this.#text === undefined) return;
    this.#text += buffer.toString('latin1', from, Math.min(to, from + maxBytes));
    this.#id = member.exec(this.#text)?.[1];
    if (this.#id !== undefined || this.#text.length >= maxBytes) this.#text = undefined;
  }
}

/**
 * Reads the one fact that decides how a TLS connection is answered: whether its first message offers `acme-tls/1`, and
 * for which name. Runs before TLS begins, since in TLS 1.2 and 1.3 Node asks for name and protocol in different orders.
 * This file refuses nothing: OpenSSL handles malformed messages.
 *
 *   record:     22, version (2), length (2), handshake messages ...      RFC 8446, section 5.1
 *   message:    1, length (3), version (2), random (32), session id <1>, cipher suites <2>, compression <1>,
 *               extensions <2>: type (2), data <2>                       section 4.1.2; <n>: a length of n bytes first
 */

/** The first byte of a TLS record that holds a handshake message. */
export const handshakeRecord = 0x16;

export interface ClientHello {
  readonly protocols: readonly string[];
  readonly serverName: string | undefined;
}

/** `more` until the first record is complete; undefined where the bytes are no readable hello. */
export function readClientHello(bytes: Buffer): ClientHello | 'more' | undefined {
  if (bytes.length < 5) return 'more';
  const length = bytes.readUInt16BE(3);
  // A record holds at most 16 KB. OpenSSL handles a record that claims more.
  if (bytes[0] !== handshakeRecord || length > 16_384 + 256) return undefined;
  if (bytes.length < 5 + length) return 'more';
  try {
    return readMessage(new Cursor(bytes, 5, 5 + length));
  } catch {
    // The hello ends in the middle of a field, or continues in a second record.
    return undefined;
  }
}

function readMessage(message: Cursor): ClientHello | undefined {
  if (message.number(1) !== 1) return undefined;
  message.skip(3 + 2 + 32);
  message.skip(message.number(1));
  message.skip(message.number(2));
  message.skip(message.number(1));
  const extensions = message.field(message.number(2));
  let protocols: readonly string[] = [];
  let serverName: string | undefined;
  while (!extensions.atEnd) {
    const type = extensions.number(2);
    const data = extensions.field(extensions.number(2));
    if (type === 16) protocols = readProtocols(data);
    else if (type === 0) serverName = readServerName(data);
  }
  return { protocols, serverName };
}

/** RFC 7301, section 3.1. */
function readProtocols(data: Cursor): readonly string[] {
  data.skip(2);
  const protocols: string[] = [];
  while (!data.atEnd) protocols.push(data.text(data.number(1)));
  return protocols;
}

/** RFC 6066, section 3: a list that in practice holds one host name. */
function readServerName(data: Cursor): string | undefined {
  data.skip(2);
  return data.number(1) === 0 ? data.text(data.number(2)).toLowerCase() : undefined;
}

/** Reads a part of the bytes, without views of them: creating a Buffer costs more than reading it. Throws a RangeError at its end. */
class Cursor {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, from: number, end: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  number(size: 1 | 2): number {
    const from = this.#at;
    this.skip(size);
    return size === 1 ? this.#bytes.readUInt8(from) : this.#bytes.readUInt16BE(from);
  }

  text(length: number): string {
    const from = this.#at;
    this.skip(length);
    return this.#bytes.toString('latin1', from, this.#at);
  }

  /** The next bytes, to be read by themselves. */
  field(length: number): Cursor {
    const from = this.#at;
    this.skip(length);
    return new Cursor(this.#bytes, from, this.#at);
  }

  skip(length: number): void {
    this.#at += length;
    if (this.#at > this.#end) throw new RangeError('the field ends after its parent');
  }
}

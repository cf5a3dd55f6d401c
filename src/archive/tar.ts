/**
 * Writes and reads archives in the ustar format (POSIX.1-1988), which every `tar` opens. Only plain files: a link, a
 * folder, a device or an extended header is refused. Sizes above 8 GiB are written in base 256, as GNU tar does.
 */

const blockBytes = 512;
const maxOctalBytes = 8 * 1024 ** 3;
/** Names that need no second field of the header. */
const maxNameBytes = 100;

export interface TarFile {
  readonly name: string;
  readonly bytes: number;
  content(): AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** `modifiedMs`: the time of every member. Throws if a content is not as long as announced. */
export async function* tarOf(files: Iterable<TarFile>, modifiedMs: number): AsyncGenerator<Buffer> {
  for (const { name, bytes, content } of files) {
    yield headerOf(name, bytes, modifiedMs);
    let written = 0;
    for await (const piece of content()) {
      written += piece.length;
      yield piece;
    }
    if (written !== bytes) throw new Error(`${name} changed while it was read`);
    yield Buffer.alloc(padding(bytes));
  }
  yield Buffer.alloc(2 * blockBytes);
}

function headerOf(name: string, bytes: number, modifiedMs: number): Buffer {
  if (Buffer.byteLength(name) > maxNameBytes) throw new Error('a name does not fit into the header');
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0);
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  if (bytes < maxOctalBytes) header.write(`${octal(bytes, 11)}\0`, 124);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(bytes), 128);
  }
  header.write(`${octal(Math.floor(modifiedMs / 1000), 11)}\0`, 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0' + '00', 257);
  header.write(`${octal(sumOf(header), 6)}\0 `, 148);
  return header;
}

export class TarFault extends Error {}

export interface TarMember {
  readonly name: string;
  readonly bytes: number;
  /** Must be read to its end before the next member. */
  readonly content: AsyncIterable<Buffer>;
}

/** Throws a `TarFault` with a reason for people. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarMember> {
  const input = new Pieces(source);
  for (;;) {
    const header = await input.exactly(blockBytes);
    if (header.every((byte) => byte === 0)) return;
    const { name, bytes } = memberOf(header);
    yield { name, bytes, content: input.next(bytes) };
    await input.exactly(padding(bytes));
  }
}

function memberOf(header: Buffer): { readonly name: string; readonly bytes: number } {
  const stored = Number.parseInt(header.toString('latin1', 148, 156).replaceAll(/[\0 ]/g, ''), 8);
  const copy = Buffer.from(header);
  copy.write('        ', 148);
  if (stored !== sumOf(copy)) throw new TarFault('it is damaged');
  const kind = header[156];
  if (kind !== 0 && kind !== 0x30) throw new TarFault('it has a member that is no plain file');
  const bytes =
    header[124] === 0x80
      ? Number(header.readBigUInt64BE(128))
      : Number.parseInt(header.toString('latin1', 124, 136).replaceAll(/[\0 ]/g, ''), 8);
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new TarFault('it is damaged');
  // The second field for names stays unused.
  if (header[345] !== 0) throw new TarFault('it has a member with an unknown name');
  return { name: textOf(header.subarray(0, maxNameBytes)), bytes };
}

/** Hands out the bytes of a stream in portions. */
class Pieces {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** For small portions only. */
  async exactly(bytes: number): Promise<Buffer> {
    const gathered: Buffer[] = [];
    for await (const piece of this.next(bytes)) gathered.push(piece);
    return Buffer.concat(gathered);
  }

  async *next(bytes: number): AsyncGenerator<Buffer> {
    let left = bytes;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#source.next();
        if (done === true) throw new TarFault('it is cut off');
        this.#rest = value;
        continue;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
}

function padding(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes;
}

function sumOf(header: Buffer): number {
  let sum = 0;
  for (const byte of header) sum += byte;
  return sum;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { readTar, TarFault, type TarFile, tarOf } from './tar.ts';

const file = (name: string, text: string): TarFile => ({
  name,
  bytes: Buffer.byteLength(text),
  content: () => [Buffer.from(text)],
});

async function archive(...files: TarFile[]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of tarOf(files, 1_700_000_000_000)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The bytes in portions of this size. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size = 700): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { name, content } of readTar(inPieces(bytes, size))) {
    const pieces: Buffer[] = [];
    for await (const piece of content) pieces.push(piece);
    found.push([name, Buffer.concat(pieces).toString()]);
  }
  return found;
}

/** Replaces a byte of the first header and corrects its checksum. */
function changed(bytes: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = byte;
  copy.write('        ', 148);
  const sum = copy.subarray(0, 512).reduce((total, one) => total + one, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return copy;
}

test('members arrive as they were written, in portions of any size', async () => {
  const members: [string, string][] = [
    ['a', ''],
    ['b/c.txt', 'x'.repeat(512)],
    ['d', 'y'.repeat(1_025)],
  ];
  const bytes = await archive(...members.map(([name, text]) => file(name, text)));

  for (const size of [1, 511, 512, 513, 1e6]) assert.deepEqual(await read(bytes, size), members);
});

const tarIsMissing = spawnSync('tar', ['--version']).error !== undefined;

test('the program tar opens the archive', { skip: tarIsMissing }, async () => {
  const bytes = await archive(file('manifest.json', '{}'), file('tls/a.pem', 'key'));

  const { stdout } = spawnSync('tar', ['-xOf', '-', 'tls/a.pem'], { input: bytes, encoding: 'utf8' });

  assert.equal(stdout, 'key');
});

test('a content that is not as long as announced is an error', async () => {
  const grown = { name: 'a', bytes: 1, content: () => [Buffer.from('abc')] };

  await assert.rejects(archive(grown), /a changed while it was read/);
});

test('links, folders, devices and extended headers are refused', async () => {
  const bytes = await archive(file('a', 'text'));

  for (const kind of '123456xgLK') {
    const other = changed(bytes, 156, kind.charCodeAt(0));
    await assert.rejects(read(other), new TarFault('it has a member that is no plain file'));
  }
  await assert.rejects(read(changed(bytes, 345, 0x2e)), TarFault, 'a name in two fields');
});

test('an archive that ends early is cut off, and a changed header is damage', async () => {
  const bytes = await archive(file('a', 'text'));

  for (const end of [1, 511, 512, 515, 1_023, 1_100])
    await assert.rejects(read(bytes.subarray(0, end)), new TarFault('it is cut off'));
  const damaged = Buffer.from(bytes);
  damaged[0] = 0x62;
  await assert.rejects(read(damaged), new TarFault('it is damaged'));
  await assert.rejects(read(changed(bytes, 130, 0x39)), TarFault, 'a size that is no octal number');
});

test('a size above 8 GiB is written so that it can be read', async () => {
  const bytes = 9 * 1024 ** 3;
  const huge: TarFile = { name: 'huge', bytes, content: () => [] };
  const { value: header } = await tarOf([huge], 0).next();
  assert.ok(Buffer.isBuffer(header));

  const { value: member } = await readTar(inPieces(header, 512)).next();

  assert.equal(member?.bytes, bytes);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { readClientHello } from './client-hello.ts';

/** The first bytes that OpenSSL sends. */
async function realHello(options: { servername?: string; ALPNProtocols?: string[] }): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as { port: number };
  const client = connectTls({ ...options, socket: connect(port, '127.0.0.1') });
  client.on('error', () => {});
  const [socket] = await accepted;
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    if (readClientHello(bytes) !== 'more') break;
  }
  client.destroy();
  server.close();
  return bytes;
}

test('name and protocols are read from the hello of OpenSSL, once it is complete', async () => {
  const hello = await realHello({ servername: 'Box.Lan', ALPNProtocols: ['h2', 'http/1.1', 'acme-tls/1'] });

  assert.deepEqual(readClientHello(hello), {
    protocols: ['h2', 'http/1.1', 'acme-tls/1'],
    serverName: 'box.lan',
  });
  for (let length = 0; length < hello.length; length++)
    assert.equal(readClientHello(hello.subarray(0, length)), 'more');
});

test('a hello without name and protocols is read as one', async () => {
  assert.deepEqual(readClientHello(await realHello({})), { protocols: [], serverName: undefined });
});

test('no changed byte makes the reader throw or read beyond the record', async () => {
  const hello = await realHello({ servername: 'box.lan', ALPNProtocols: ['http/1.1'] });
  const changes = fc.array(fc.tuple(fc.nat(hello.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  });
  // What follows the record would be read as a name.
  const beyond = Buffer.alloc(70_000, '~');
  fc.assert(
    fc.property(changes, (places) => {
      const bytes = Buffer.concat([hello, beyond]);
      // The record's length stays as it is.
      for (const [at, value] of places) if (at < 3 || at > 4) bytes[at] = value === 0x7e ? 0 : value;
      const read = readClientHello(bytes);
      assert.notEqual(read, 'more');
      assert.ok(!JSON.stringify(read ?? '').includes('~~'));
    }),
    { numRuns: 3_000 },
  );
});

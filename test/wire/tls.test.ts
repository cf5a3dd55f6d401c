/**
 * TLS on real sockets: what may begin a connection, what is refused, what certificates may do while connections run.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_CIPHERS } from 'node:tls';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { noOwnAddress, ownAddress } from '../helpers/own-address.ts';
import { answer, chunk, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { get, parseResponse, post, Wire } from '../helpers/test-gateway.ts';
import { clientHello, leafFor, TlsFixture } from '../helpers/tls-fixture.ts';

let stock: Stock;
let fixture: TlsFixture;
before(async () => {
  stock = takeStock();
  fixture = await TlsFixture.open({ config: { sans: ['llm.lan'], hstsSeconds: 600 } });
});
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

const chat = '{"model":"m","messages":[]}';
const streamed = '{"model":"m","stream":true,"messages":[]}';
const event = 'data: {"choices":[]}\n\n';

describe('versions and suites', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version} is spoken, with http/1.1 agreed`, async () => {
      const { socket, wire } = await fixture.dial({
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: ['h2', 'http/1.1'],
      });

      assert.equal(socket.getProtocol(), version);
      assert.equal(socket.alpnProtocol, 'http/1.1');
      assert.equal((await wire.send(get('/v1/models', fixture.proxy.key)).response()).status, 200);
      await fixture.assertUnharmed();
    });
  }

  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    test(`${version} is refused`, async () => {
      const failed = await fixture.failure({
        minVersion: version,
        maxVersion: version,
        ciphers: 'DEFAULT@SECLEVEL=0',
      });

      assert.equal(failed, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
      await fixture.assertUnharmed();
    });
  }

  for (const suite of [
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'AES128-GCM-SHA256',
    'NULL-SHA256',
  ]) {
    test(`${suite} is refused: no authenticated encryption, or no forward secrecy`, async () => {
      const failed = await fixture.failure({ maxVersion: 'TLSv1.2', ciphers: `${suite}:@SECLEVEL=0` });

      assert.match(failed, /HANDSHAKE_FAILURE|NO_CIPHERS/);
      await fixture.assertUnharmed();
    });
  }

  test('every suite that is agreed authenticates and has forward secrecy', async () => {
    for (const suite of DEFAULT_CIPHERS.split(':').filter((name) => /^(ECDHE|DHE)/.test(name))) {
      try {
        const { socket } = await fixture.dial({ maxVersion: 'TLSv1.2', ciphers: suite });
        assert.match(socket.getCipher().name, /^ECDHE-ECDSA-.*(GCM|CHACHA20)/);
      } catch (error) {
        assert.match(String(error), /handshake failure|no cipher/);
      }
    }
    await fixture.assertUnharmed();
  });

  test('renegotiation is refused', async () => {
    const { socket } = await fixture.dial({ maxVersion: 'TLSv1.2' });

    const error = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve);
      socket.renegotiate({}, resolve);
    });

    assert.match(String(error), /no renegotiation|no_renegotiation|NO_RENEGOTIATION/i);
    await fixture.assertUnharmed();
  });
});

describe('names and protocols', () => {
  const names: readonly [string, Buffer][] = [
    ['unknown', Buffer.from('elsewhere.example')],
    ['of 255 bytes', Buffer.alloc(255, 'a')],
    ['of 300 bytes', Buffer.alloc(300, 'a')],
    ['with a NUL', Buffer.from('local\0host')],
    ['of an address', Buffer.from('127.0.0.1')],
    ['empty', Buffer.alloc(0)],
  ];
  for (const [what, name] of names) {
    test(`a server name ${what} is answered with the certificate or an alert`, async () => {
      const wire = await fixture.dialPlain();
      const bytes = await wire.send(clientHello({ name })).until((b) => b.length >= 7);

      // A handshake record, or an alert.
      assert.ok(bytes[0] === 0x16 || bytes[0] === 0x15, bytes.subarray(0, 8).toString('hex'));
      await fixture.assertUnharmed();
    });
  }

  test('no server name and an unknown one get the same certificate', async () => {
    const seen: string[] = [];
    for (const servername of ['', 'elsewhere.example', 'localhost']) {
      const { socket } = await fixture.dial({ servername, checkServerIdentity: () => undefined });
      seen.push(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
    }

    assert.equal(new Set(seen).size, 1);
    await fixture.assertUnharmed();
  });

  for (const protocols of [['h2'], ['acme-tls/1'], ['spdy/3', 'h3']]) {
    test(`a client that offers only ${protocols} gets an alert that says so`, async () => {
      const failed = await fixture.failure({ ALPNProtocols: protocols });

      assert.equal(failed, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
      await fixture.assertUnharmed();
    });
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`with ${version} a challenge certificate is shown to those who offer acme-tls/1 for its name alone`, async () => {
      const proof = await leafFor(fixture.authority, ['challenged.lan']);
      fixture.source.challenges.set('challenged.lan', proof);
      const common = {
        servername: 'challenged.lan',
        maxVersion: version,
        rejectUnauthorized: false,
      } as const;
      const shown = async (ALPNProtocols: string[], servername = 'challenged.lan') => {
        const { socket, wire } = await fixture.dial({ ...common, ALPNProtocols, servername });
        return { names: socket.getPeerX509Certificate()?.subjectAltName, wire };
      };

      const prover = await shown(['acme-tls/1']);
      assert.equal(prover.names, 'DNS:challenged.lan');
      assert.equal((await prover.wire.rest()).length, 0, 'closed after the handshake');
      assert.match((await shown(['http/1.1'])).names ?? '', /localhost/);
      assert.equal(
        await fixture.failure({ ...common, servername: 'other.lan', ALPNProtocols: ['acme-tls/1'] }),
        'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
      );
      fixture.source.challenges.clear();
      await fixture.assertUnharmed();
    });
  }

  test('a hello that comes byte by byte is understood', async () => {
    const wire = await fixture.dialPlain();
    for (const byte of clientHello({ name: Buffer.from('localhost') })) {
      wire.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }

    assert.equal((await wire.until((b) => b.length >= 6))[0], 0x16);
    await fixture.assertUnharmed();
  });

  const broken: readonly [string, Buffer][] = [
    [
      'cut in the middle of its extensions',
      clientHello({ name: Buffer.from('localhost') }).fill(0xff, 60, 64),
    ],
    ['of another message', Buffer.from('160301000101', 'hex')],
    ['that claims 64 KB', Buffer.concat([Buffer.from('160301ffff', 'hex'), Buffer.alloc(100, 1)])],
    ['of random bytes', Buffer.concat([Buffer.from('1603010040', 'hex'), Buffer.alloc(64, 0x5a)])],
    ['of length 0', Buffer.from('1603010000160301000016030100001603010000', 'hex')],
  ];
  for (const [what, bytes] of broken) {
    test(`a hello ${what} ends in an alert or a close`, async () => {
      const wire = await fixture.dialPlain();
      wire.send(bytes).socket.end();
      const told = await wire.rest();

      assert.ok(told.length === 0 || told[0] === 0x15, told.toString('hex'));
      await fixture.assertUnharmed();
    });
  }
});

describe('plain HTTP on the HTTPS port', () => {
  const expectRefusal = (bytes: Buffer, url: string): string => {
    const response = parseResponse(bytes, true);
    assert.equal(response?.status, 400);
    const { error } = JSON.parse(response?.body.toString() ?? '') as {
      error: { code: string; message: string };
    };
    assert.equal(error.code, 'plain_on_tls');
    assert.ok(error.message.includes(`${url}:${fixture.proxy.port}/v1 `), error.message);
    return error.message;
  };

  test('is answered with the URL that works', async () => {
    expectRefusal(
      await fixture.told('GET /v1/models HTTP/1.1\r\nHost: llm.lan:80\r\n\r\n'),
      'https://llm.lan',
    );
    expectRefusal(await fixture.told('GET / HTTP/1.1\r\nhost: [::1]\r\n\r\n'), 'https://[::1]');
    expectRefusal(await fixture.told('GET / HTTP/1.0\r\n\r\n'), 'https://localhost');
    assert.equal(fixture.proxy.malformed.at(-1), 'PLAIN_ON_TLS');
    await fixture.assertUnharmed();
  });

  test('does not echo an unknown host', async () => {
    const told = await fixture.told('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n');

    assert.doesNotMatch(expectRefusal(told, 'https://localhost'), /evil/);
    await fixture.assertUnharmed();
  });

  test('reaches no engine, whatever key and body it carries', async () => {
    const seen = fixture.engine.requests.length;

    expectRefusal(
      await fixture.told(post('/v1/chat/completions', fixture.proxy.key, chat)),
      'https://localhost',
    );

    assert.equal(fixture.engine.requests.length, seen);
    await fixture.assertUnharmed();
  });

  test('is answered although its head never ends', async () => {
    const wire = await fixture.dialPlain();
    wire.send('GET / HTT');
    await fixture.until('it is seen', () => fixture.proxy.gateway.connections === 1);
    // The bytes may come a moment after the connection.
    const moving = setInterval(() => void fixture.clock.move(1_000), 1);
    const told = await wire.rest();
    clearInterval(moving);

    expectRefusal(told, 'https://localhost');
    await fixture.assertUnharmed();
  });

  test('is answered when its head is larger than any', async () => {
    expectRefusal(await fixture.told(`GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}`), 'https://localhost');
    await fixture.assertUnharmed();
  });

  test('another protocol gets the same answer', async () => {
    expectRefusal(await fixture.told('SSH-2.0-OpenSSH_9.2\r\n\r\n'), 'https://localhost');
    await fixture.assertUnharmed();
  });
});

describe('time and number', () => {
  test('a thousand half handshakes are cut when their time is up, and clients are served meanwhile', async () => {
    const half = clientHello({ name: Buffer.from('localhost') }).subarray(0, 40);
    const wires: Wire[] = [];
    for (let i = 0; i < 1000; i++) {
      const wire = await fixture.dialPlain();
      // A third says nothing at all, a third a half hello, a third a whole one and nothing after it.
      if (i % 3 === 1) wire.send(half);
      if (i % 3 === 2) wire.send(clientHello({ name: Buffer.from('localhost') }));
      wires.push(wire);
    }
    await fixture.until('all are there', () => fixture.proxy.gateway.connections === 1000);
    const { wire } = await fixture.dial();
    assert.equal((await wire.send(get('/v1/models', fixture.proxy.key)).response()).status, 200);

    await fixture.clock.move(11_000);

    for (const half of wires) await half.rest();
    assert.equal((await wire.send(get('/v1/models', fixture.proxy.key)).response()).status, 200);
    await fixture.assertUnharmed();
  });

  test('handshakes that one address leaves half done are limited, and those of others are not', {
    skip: noOwnAddress,
  }, async () => {
    const host = ownAddress ?? '';
    const limited = await TlsFixture.open({
      config: { bind: ['127.0.0.1', host], limits: { maxConnectionsPerAddress: 3 } },
    });
    try {
      const near = () => Wire.dial(limited.proxy.port, host);
      const oldest = await near();
      await limited.until('the first is there', () => limited.proxy.gateway.connections === 1);
      const wires = [await near(), await near()];
      await limited.until('all are there', () => limited.proxy.gateway.connections === 3);
      const more = await near();
      assert.equal((await oldest.rest()).length, 0, 'the oldest one goes');
      assert.equal(limited.proxy.malformed.at(-1), 'CONNECTIONS_EXHAUSTED');
      const { wire } = await limited.dial();
      assert.equal((await wire.send(get('/v1/models', limited.proxy.key)).response()).status, 200);
      assert.ok([...wires, more].every((one) => !one.ended));
      for (const one of [oldest, ...wires, more]) one.close();
      await limited.assertUnharmed();
    } finally {
      await limited.close();
    }
  });

  test('where all connections are busy, one beyond the limit gets an answer that it can read', async () => {
    const small = await TlsFixture.open({ config: { limits: { maxConnections: 1 } } });
    try {
      const first = await small.dial();
      first.wire.send(post('/v1/chat/completions', small.proxy.key, '{"model":"m"}').slice(0, -1));
      await small.until('it is busy', () => small.proxy.gateway.inFlight === 1);

      const response = await (await small.dial()).wire.response();

      assert.equal(response.status, 503);
      assert.equal((await first.wire.send('}').response()).status, 200);
      await small.assertUnharmed();
    } finally {
      await small.close();
    }
  });
});

describe('the way of requests over TLS', () => {
  test('the body that a client receives is the body that the engine sent, every byte of it', async () => {
    const payload = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
    fixture.engine.setScript([answer(payload, 'audio/wav')]);
    const { wire } = await fixture.dial();

    const response = await wire
      .send(post('/v1/audio/speech', fixture.proxy.key, '{"model":"m","input":"hi"}'))
      .response();

    assert.ok(response.body.equals(payload));
    fixture.engine.setScript([answer('{}')]);
    await fixture.assertUnharmed();
  });

  test('a client that ends its side after the request gets the whole of its answer', async () => {
    let finish = (): void => {};
    fixture.engine.setScript([
      `${sseHead}${chunk(event)}`,
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      `${chunk('data: [DONE]\n\n')}${lastChunk}`,
    ]);
    const { socket, wire } = await fixture.dial();
    socket.end(post('/v1/chat/completions', fixture.proxy.key, streamed));
    await wire.until((bytes) => bytes.includes(event));
    // The answers of others show that the gateway has seen the end of this one.
    for (let i = 0; i < 5; i++) {
      const other = await fixture.dial();
      await other.wire.send(get('/v1/models', fixture.proxy.key)).response();
    }
    finish();

    let response = await wire.response();
    // How the gateway finds out whether anybody still reads.
    while (response.status < 200) response = await wire.response();

    assert.ok(response.whole && response.body.toString().endsWith('data: [DONE]\n\n'));
    fixture.engine.setScript([answer('{}')]);
    await fixture.assertUnharmed();
  });

  test('a client that resets in mid-stream ends the work of the engine', async () => {
    fixture.engine.setScript([`${sseHead}${chunk(event)}`, () => new Promise<void>(() => {})]);
    const { socket, wire } = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.proxy.key, streamed));
    await wire.until((bytes) => bytes.includes(event));

    socket.destroy();

    await fixture.engine.deserted();
    fixture.engine.setScript([answer('{}')]);
    await fixture.assertUnharmed();
  });

  test('a client that stops reading is cut, and the engine with it', async () => {
    const big = chunk(`data: ${'x'.repeat(60_000)}\n\n`);
    fixture.engine.setScript(async (socket) => {
      socket.write(sseHead);
      // More than all buffers in between hold; a connection that waits for a drain that never comes is closed.
      for (let i = 0; i < 2_000 && !socket.destroyed; i++) {
        if (socket.write(big)) continue;
        await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
      }
    });
    const { socket, wire } = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.proxy.key, streamed));
    await wire.until((bytes) => bytes.length > 0);
    socket.pause();
    const line = fixture.proxy.nextLine();

    const moving = setInterval(() => void fixture.clock.move(20_000), 20);
    assert.equal((await line).code, 'CLIENT_STALLED');
    clearInterval(moving);

    await fixture.engine.deserted();
    fixture.engine.setScript([answer('{}')]);
    await fixture.assertUnharmed();
  });

  test('names of the certificate are answered for, others are not', async () => {
    const { wire } = await fixture.dial();
    const ask = (host: string) =>
      wire.send(get('/v1/models', fixture.proxy.key).replace('Host: localhost', `Host: ${host}`)).response();

    assert.equal((await ask('llm.lan:8443')).status, 200);
    assert.equal((await ask('evil.example')).status, 421);
    await fixture.assertUnharmed();
  });

  test('Strict-Transport-Security is sent where it was asked for, on refusals too', async () => {
    const { wire } = await fixture.dial();

    const good = await wire.send(get('/v1/models', fixture.proxy.key)).response();
    const refused = await wire.send(get('/v1/models', 'flm_wrong')).response();

    for (const { head } of [good, refused])
      assert.match(head, /strict-transport-security: max-age=600\r?$/im);
    await fixture.assertUnharmed();
  });

  test('a stop lets a stream over TLS finish and ends half handshakes', async () => {
    const other = await TlsFixture.open();
    let finish = (): void => {};
    other.engine.setScript([
      `${sseHead}${chunk(event)}`,
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      `${chunk('data: [DONE]\n\n')}${lastChunk}`,
    ]);
    const { wire } = await other.dial();
    wire.send(post('/v1/chat/completions', other.proxy.key, streamed));
    await wire.until((bytes) => bytes.includes(event));
    const silent = await other.dialPlain();

    const stopped = other.proxy.gateway.stop(30_000);
    await silent.rest();
    finish();
    const response = await wire.response();
    const report = await stopped;

    assert.ok(response.whole && response.body.toString().endsWith('data: [DONE]\n\n'));
    assert.deepEqual({ running: report.running, cut: report.cut }, { running: 1, cut: 0 });
    await other.close();
  });
});

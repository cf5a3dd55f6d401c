/**
 * TLS on real sockets: what may begin a connection, what is refused, what certificates may do while connections run.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_CIPHERS } from 'node:tls';
import { type ClientCertificates, clientCertificates } from '../helpers/client-certificates.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { noOwnAddress, ownAddress } from '../helpers/own-address.ts';
import { answer, chunk, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { get, parseResponse, post, Wire } from '../helpers/test-gateway.ts';
import { leafFor, TlsScene, TwoFoldSource } from '../helpers/tls-scene.ts';

let stock: Stock;
let scene: TlsScene;
before(async () => {
  stock = takeStock();
  scene = await TlsScene.open({ config: { sans: ['llm.lan'], hstsSeconds: 600 } });
});
after(async () => {
  await scene.close();
  await assertNoLeaks(stock);
});

const chat = '{"model":"m","messages":[]}';
const streamed = '{"model":"m","stream":true,"messages":[]}';
const event = 'data: {"choices":[]}\n\n';

describe('versions and suites', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version} is spoken, with http/1.1 agreed`, async () => {
      const { socket, wire } = await scene.dial({
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: ['h2', 'http/1.1'],
      });

      assert.equal(socket.getProtocol(), version);
      assert.equal(socket.alpnProtocol, 'http/1.1');
      assert.equal((await wire.send(get('/v1/models', scene.door.key)).response()).status, 200);
      await scene.unharmed();
    });
  }

  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    test(`${version} is refused`, async () => {
      const failed = await scene.failure({
        minVersion: version,
        maxVersion: version,
        ciphers: 'DEFAULT@SECLEVEL=0',
      });

      assert.equal(failed, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
      await scene.unharmed();
    });
  }

  for (const suite of [
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'AES128-GCM-SHA256',
    'NULL-SHA256',
  ]) {
    test(`${suite} is refused: no authenticated encryption, or no forward secrecy`, async () => {
      const failed = await scene.failure({ maxVersion: 'TLSv1.2', ciphers: `${suite}:@SECLEVEL=0` });

      assert.match(failed, /HANDSHAKE_FAILURE|NO_CIPHERS/);
      await scene.unharmed();
    });
  }

  test('every suite that is agreed authenticates and has forward secrecy', async () => {
    for (const suite of DEFAULT_CIPHERS.split(':').filter((name) => /^(ECDHE|DHE)/.test(name))) {
      try {
        const { socket } = await scene.dial({ maxVersion: 'TLSv1.2', ciphers: suite });
        assert.match(socket.getCipher().name, /^ECDHE-ECDSA-.*(GCM|CHACHA20)/);
      } catch (error) {
        assert.match(String(error), /handshake failure|no cipher/);
      }
    }
    await scene.unharmed();
  });

  test('renegotiation is refused', async () => {
    const { socket } = await scene.dial({ maxVersion: 'TLSv1.2' });

    const error = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve);
      socket.renegotiate({}, resolve);
    });

    assert.match(String(error), /no renegotiation|no_renegotiation|NO_RENEGOTIATION/i);
    await scene.unharmed();
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
      const wire = await scene.dialPlain();
      const bytes = await wire.send(clientHello({ name })).until((b) => b.length >= 7);

      // A handshake record, or an alert.
      assert.ok(bytes[0] === 0x16 || bytes[0] === 0x15, bytes.subarray(0, 8).toString('hex'));
      await scene.unharmed();
    });
  }

  test('no server name and an unknown one get the same certificate', async () => {
    const seen: string[] = [];
    for (const servername of ['', 'elsewhere.example', 'localhost']) {
      const { socket } = await scene.dial({ servername, checkServerIdentity: () => undefined });
      seen.push(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
    }

    assert.equal(new Set(seen).size, 1);
    await scene.unharmed();
  });

  for (const protocols of [['h2'], ['acme-tls/1'], ['spdy/3', 'h3']]) {
    test(`a client that offers only ${protocols} gets an alert that says so`, async () => {
      const failed = await scene.failure({ ALPNProtocols: protocols });

      assert.equal(failed, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
      await scene.unharmed();
    });
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`with ${version} a challenge certificate is shown to those who offer acme-tls/1 for its name alone`, async () => {
      const proof = await leafFor(scene.authority, ['challenged.lan']);
      scene.source.challenges.set('challenged.lan', proof);
      const common = {
        servername: 'challenged.lan',
        maxVersion: version,
        rejectUnauthorized: false,
      } as const;
      const shown = async (ALPNProtocols: string[], servername = 'challenged.lan') => {
        const { socket, wire } = await scene.dial({ ...common, ALPNProtocols, servername });
        return { names: socket.getPeerX509Certificate()?.subjectAltName, wire };
      };

      const prover = await shown(['acme-tls/1']);
      assert.equal(prover.names, 'DNS:challenged.lan');
      assert.equal((await prover.wire.rest()).length, 0, 'closed after the handshake');
      assert.match((await shown(['http/1.1'])).names ?? '', /localhost/);
      assert.equal(
        await scene.failure({ ...common, servername: 'other.lan', ALPNProtocols: ['acme-tls/1'] }),
        'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
      );
      scene.source.challenges.clear();
      await scene.unharmed();
    });
  }

  test('a hello that comes byte by byte is understood', async () => {
    const wire = await scene.dialPlain();
    for (const byte of clientHello({ name: Buffer.from('localhost') })) {
      wire.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }

    assert.equal((await wire.until((b) => b.length >= 6))[0], 0x16);
    await scene.unharmed();
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
      const wire = await scene.dialPlain();
      wire.send(bytes).socket.end();
      const told = await wire.rest();

      assert.ok(told.length === 0 || told[0] === 0x15, told.toString('hex'));
      await scene.unharmed();
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
    assert.ok(error.message.includes(`${url}:${scene.door.port}/v1 `), error.message);
    return error.message;
  };

  test('is answered with the URL that works', async () => {
    expectRefusal(await scene.told('GET /v1/models HTTP/1.1\r\nHost: llm.lan:80\r\n\r\n'), 'https://llm.lan');
    expectRefusal(await scene.told('GET / HTTP/1.1\r\nhost: [::1]\r\n\r\n'), 'https://[::1]');
    expectRefusal(await scene.told('GET / HTTP/1.0\r\n\r\n'), 'https://localhost');
    assert.equal(scene.door.malformed.at(-1), 'PLAIN_ON_TLS');
    await scene.unharmed();
  });

  test('does not echo a host that is none of ours', async () => {
    const told = await scene.told('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n');

    assert.doesNotMatch(expectRefusal(told, 'https://localhost'), /evil/);
    await scene.unharmed();
  });

  test('reaches no engine, whatever key and body it carries', async () => {
    const seen = scene.engine.requests.length;

    expectRefusal(await scene.told(post('/v1/chat/completions', scene.door.key, chat)), 'https://localhost');

    assert.equal(scene.engine.requests.length, seen);
    await scene.unharmed();
  });

  test('is answered although its head never ends', async () => {
    const wire = await scene.dialPlain();
    wire.send('GET / HTT');
    await scene.until('it is seen', () => scene.door.gateway.connections === 1);
    // The bytes may come a moment after the connection.
    const moving = setInterval(() => void scene.clock.move(1_000), 1);
    const told = await wire.rest();
    clearInterval(moving);

    expectRefusal(told, 'https://localhost');
    await scene.unharmed();
  });

  test('is answered when its head is larger than any', async () => {
    expectRefusal(await scene.told(`GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}`), 'https://localhost');
    await scene.unharmed();
  });

  test('another protocol gets the same answer', async () => {
    expectRefusal(await scene.told('SSH-2.0-OpenSSH_9.2\r\n\r\n'), 'https://localhost');
    await scene.unharmed();
  });
});

describe('time and number', () => {
  test('a thousand half handshakes are cut when their time is up, and clients are served meanwhile', async () => {
    const half = clientHello({ name: Buffer.from('localhost') }).subarray(0, 40);
    const wires: Wire[] = [];
    for (let i = 0; i < 1000; i++) {
      const wire = await scene.dialPlain();
      // A third says nothing at all, a third a half hello, a third a whole one and nothing after it.
      if (i % 3 === 1) wire.send(half);
      if (i % 3 === 2) wire.send(clientHello({ name: Buffer.from('localhost') }));
      wires.push(wire);
    }
    await scene.until('all are there', () => scene.door.gateway.connections === 1000);
    const { wire } = await scene.dial();
    assert.equal((await wire.send(get('/v1/models', scene.door.key)).response()).status, 200);

    await scene.clock.move(11_000);

    for (const half of wires) await half.rest();
    assert.equal((await wire.send(get('/v1/models', scene.door.key)).response()).status, 200);
    await scene.unharmed();
  });

  test('handshakes that one address leaves half done are limited, and those of others are not', {
    skip: noOwnAddress,
  }, async () => {
    const host = ownAddress ?? '';
    const limited = await TlsScene.open({
      config: { bind: ['127.0.0.1', host], limits: { maxConnectionsPerAddress: 3 } },
    });
    try {
      const near = () => Wire.dial(limited.door.port, host);
      const oldest = await near();
      await limited.until('the first is there', () => limited.door.gateway.connections === 1);
      const wires = [await near(), await near()];
      await limited.until('all are there', () => limited.door.gateway.connections === 3);
      const more = await near();
      assert.equal((await oldest.rest()).length, 0, 'the oldest one goes');
      assert.equal(limited.door.malformed.at(-1), 'CONNECTIONS_EXHAUSTED');
      const { wire } = await limited.dial();
      assert.equal((await wire.send(get('/v1/models', limited.door.key)).response()).status, 200);
      assert.ok([...wires, more].every((one) => !one.ended));
      for (const one of [oldest, ...wires, more]) one.close();
      await limited.unharmed();
    } finally {
      await limited.close();
    }
  });

  test('where all connections are busy, one beyond the limit gets an answer that it can read', async () => {
    const small = await TlsScene.open({ config: { limits: { maxConnections: 1 } } });
    try {
      const first = await small.dial();
      first.wire.send(post('/v1/chat/completions', small.door.key, '{"model":"m"}').slice(0, -1));
      await small.until('it is busy', () => small.door.gateway.inFlight === 1);

      const response = await (await small.dial()).wire.response();

      assert.equal(response.status, 503);
      assert.equal((await first.wire.send('}').response()).status, 200);
      await small.unharmed();
    } finally {
      await small.close();
    }
  });
});

describe('sessions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a session of ${version} is resumed`, async () => {
      const { socket, wire } = await scene.dial({ maxVersion: version });
      let session = socket.getSession();
      socket.on('session', (s) => {
        session = s;
      });
      await wire.send(get('/v1/models', scene.door.key)).response();

      const again = await scene.dial({ maxVersion: version, ...(session === undefined ? {} : { session }) });

      assert.ok(again.socket.isSessionReused());
      assert.equal((await again.wire.send(get('/v1/models', scene.door.key)).response()).status, 200);
      await scene.unharmed();
    });
  }

  test('another certificate is shown to new connections, and running streams go on', async () => {
    const old = new X509Certificate(scene.source.current().chain).fingerprint256;
    let next = (): void => {};
    scene.engine.setScript([
      `${sseHead}${chunk(event)}`,
      () =>
        new Promise<void>((resolve) => {
          next = resolve;
        }),
      `${chunk('data: [DONE]\n\n')}${lastChunk}`,
    ]);
    const { socket, wire } = await scene.dial();
    wire.send(post('/v1/chat/completions', scene.door.key, streamed));
    await wire.until((bytes) => bytes.includes(event));

    scene.source.set(await leafFor(scene.authority, ['localhost', '127.0.0.1', 'new.lan']));

    const { socket: later } = await scene.dial();
    assert.match(later.getPeerX509Certificate()?.subjectAltName ?? '', /new\.lan/);
    assert.equal(socket.getPeerX509Certificate()?.fingerprint256, old);
    next();
    const response = await wire.response();
    assert.ok(response.whole && response.body.toString().endsWith('data: [DONE]\n\n'));
    scene.engine.setScript([answer('{}')]);
    await scene.unharmed();
  });
});

describe('a certificate for names beside one for addresses', () => {
  let twofold: TlsScene;
  before(async () => {
    twofold = await TlsScene.open({ names: ['localhost', 'box.lan'] });
  });
  after(() => twofold.close());

  async function seen(servername: string): Promise<string> {
    const { socket } = await twofold.dial({ servername, checkServerIdentity: () => undefined });
    return socket.getPeerX509Certificate()?.subjectAltName ?? '';
  }

  test('who calls a name sees no address, who calls none or an address sees both', async () => {
    assert.equal(await seen('localhost'), 'DNS:localhost, DNS:box.lan');
    assert.equal(await seen('elsewhere.example'), 'DNS:localhost, DNS:box.lan');
    assert.equal(await seen(''), 'DNS:localhost, IP Address:127.0.0.1');

    // Node itself refuses to send an address.
    const wire = await twofold.dialPlain();
    const hello = clientHello({ name: Buffer.from('127.0.0.1') });
    const certificate = await wire.send(hello).until((bytes) => bytes.includes('localhost'));
    assert.ok(certificate.includes(Buffer.from('87047f000001', 'hex')), 'iPAddress 127.0.0.1');
    await twofold.unharmed();
  });

  test('both are renewed at once, and requests are served under either', async () => {
    const { source, authority, door } = twofold;
    assert.ok(source instanceof TwoFoldSource);
    source.named = await leafFor(authority, ['localhost', 'new.lan']);
    source.set(await leafFor(authority, ['localhost', '127.0.0.1', 'other.lan']));

    assert.match(await seen('localhost'), /new\.lan/);
    assert.match(await seen(''), /other\.lan/);
    for (const servername of ['localhost', '']) {
      const { wire } = await twofold.dial({ servername });
      assert.equal((await wire.send(get('/v1/models', door.key)).response()).status, 200);
    }
    await twofold.unharmed();
  });
});

describe('renewal under load', () => {
  const streams = 200;

  test('ten renewals under two hundred open streams and steady requests break none of them', async () => {
    const waiting: (() => void)[] = [];
    scene.engine.setScript((socket, request) => {
      if (!request.body.includes('"stream":true')) return [answer('{"choices":[]}')];
      waiting.push(() => socket.write(`${chunk('data: [DONE]\n\n')}${lastChunk}`));
      return [`${sseHead}${chunk(event)}`];
    });
    const open = await Promise.all(
      Array.from({ length: streams }, async () => {
        const { wire } = await scene.dial();
        wire.send(post('/v1/chat/completions', scene.door.key, streamed));
        await wire.until((bytes) => bytes.includes(event));
        return wire;
      }),
    );
    const kept = await scene.dial();
    const fingerprints = new Set<string>();

    for (let renewal = 0; renewal < 10; renewal++) {
      scene.source.set(await leafFor(scene.authority, ['localhost', '127.0.0.1']));
      const { socket, wire } = await scene.dial();
      fingerprints.add(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      for (const client of [wire, kept.wire]) {
        const response = await client.send(post('/v1/chat/completions', scene.door.key, chat)).response();
        assert.equal(response.status, 200);
      }
    }
    for (const finish of waiting) finish();
    const ends = await Promise.all(open.map((wire) => wire.response()));

    assert.equal(fingerprints.size, 10);
    assert.equal(
      ends.filter((r) => r.whole && r.body.toString().endsWith('data: [DONE]\n\n')).length,
      streams,
    );
    scene.engine.setScript([answer('{}')]);
    await scene.unharmed();
    // The connections to the engine that so many streams needed are dropped.
    await scene.clock.move(10_000);
    await scene.engine.deserted();
  });
});

describe('the way of requests over TLS', () => {
  test('the body that a client receives is the body that the engine sent, every byte of it', async () => {
    const payload = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
    scene.engine.setScript([answer(payload, 'audio/wav')]);
    const { wire } = await scene.dial();

    const response = await wire
      .send(post('/v1/audio/speech', scene.door.key, '{"model":"m","input":"hi"}'))
      .response();

    assert.ok(response.body.equals(payload));
    scene.engine.setScript([answer('{}')]);
    await scene.unharmed();
  });

  test('a client that ends its side after the request gets the whole of its answer', async () => {
    let finish = (): void => {};
    scene.engine.setScript([
      `${sseHead}${chunk(event)}`,
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      `${chunk('data: [DONE]\n\n')}${lastChunk}`,
    ]);
    const { socket, wire } = await scene.dial();
    socket.end(post('/v1/chat/completions', scene.door.key, streamed));
    await wire.until((bytes) => bytes.includes(event));
    // The answers of others show that the gateway has seen the end of this one.
    for (let i = 0; i < 5; i++) {
      const other = await scene.dial();
      await other.wire.send(get('/v1/models', scene.door.key)).response();
    }
    finish();

    let response = await wire.response();
    // How the gateway finds out whether anybody still reads.
    while (response.status < 200) response = await wire.response();

    assert.ok(response.whole && response.body.toString().endsWith('data: [DONE]\n\n'));
    scene.engine.setScript([answer('{}')]);
    await scene.unharmed();
  });

  test('a client that resets in mid-stream ends the work of the engine', async () => {
    scene.engine.setScript([`${sseHead}${chunk(event)}`, () => new Promise<void>(() => {})]);
    const { socket, wire } = await scene.dial();
    wire.send(post('/v1/chat/completions', scene.door.key, streamed));
    await wire.until((bytes) => bytes.includes(event));

    socket.destroy();

    await scene.engine.deserted();
    scene.engine.setScript([answer('{}')]);
    await scene.unharmed();
  });

  test('a client that stops reading is cut, and the engine with it', async () => {
    const big = chunk(`data: ${'x'.repeat(60_000)}\n\n`);
    scene.engine.setScript(async (socket) => {
      socket.write(sseHead);
      // More than all buffers in between hold; a connection that waits for a drain that never comes is closed.
      for (let i = 0; i < 2_000 && !socket.destroyed; i++) {
        if (socket.write(big)) continue;
        await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
      }
    });
    const { socket, wire } = await scene.dial();
    wire.send(post('/v1/chat/completions', scene.door.key, streamed));
    await wire.until((bytes) => bytes.length > 0);
    socket.pause();
    const line = scene.door.nextLine();

    const moving = setInterval(() => void scene.clock.move(20_000), 20);
    assert.equal((await line).code, 'CLIENT_STALLED');
    clearInterval(moving);

    await scene.engine.deserted();
    scene.engine.setScript([answer('{}')]);
    await scene.unharmed();
  });

  test('names of the certificate are answered for, others are not', async () => {
    const { wire } = await scene.dial();
    const ask = (host: string) =>
      wire.send(get('/v1/models', scene.door.key).replace('Host: localhost', `Host: ${host}`)).response();

    assert.equal((await ask('llm.lan:8443')).status, 200);
    assert.equal((await ask('evil.example')).status, 421);
    await scene.unharmed();
  });

  test('Strict-Transport-Security is sent where it was asked for, on refusals too', async () => {
    const { wire } = await scene.dial();

    const good = await wire.send(get('/v1/models', scene.door.key)).response();
    const refused = await wire.send(get('/v1/models', 'flm_wrong')).response();

    for (const { head } of [good, refused])
      assert.match(head, /strict-transport-security: max-age=600\r?$/im);
    await scene.unharmed();
  });

  test('a stop lets a stream over TLS finish and ends half handshakes', async () => {
    const other = await TlsScene.open();
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
    wire.send(post('/v1/chat/completions', other.door.key, streamed));
    await wire.until((bytes) => bytes.includes(event));
    const silent = await other.dialPlain();

    const stopped = other.door.gateway.stop(30_000);
    await silent.rest();
    finish();
    const response = await wire.response();
    const report = await stopped;

    assert.ok(response.whole && response.body.toString().endsWith('data: [DONE]\n\n'));
    assert.deepEqual({ running: report.running, cut: report.cut }, { running: 1, cut: 0 });
    await other.close();
  });
});

describe('client certificates', () => {
  let certificates: ClientCertificates;
  let guarded: TlsScene;
  before(async () => {
    certificates = await clientCertificates();
    guarded = await TlsScene.open({
      names: ['localhost'],
      clientAuthority: { certificates: certificates.ca, revocations: [certificates.crl] },
    });
  });
  after(() => guarded.close());

  test('a good one lets in, and a key is needed as well', async () => {
    const { wire } = await guarded.dial(certificates.good);

    assert.equal((await wire.send(get('/v1/models', 'flm_wrong')).response()).status, 401);
    assert.equal((await wire.send(get('/v1/models', guarded.door.key)).response()).status, 200);
    await guarded.unharmed(certificates.good);
  });

  const bad = ['expired', 'revoked', 'wrongUse'] as const;
  const reasons = {
    expired: /^the client certificate has expired \(CERT_HAS_EXPIRED\)$/,
    revoked: /^the client certificate was revoked \(CERT_REVOKED\)$/,
    wrongUse: /^the client certificate is not for use by a client \(INVALID_PURPOSE\)$/,
    absent: /^the client showed no certificate, and this proxy asks for one \(ERR_SSL_PEER_DID/,
    'of another CA': /^the client certificate is not signed by the client CA \([A-Z_]+\)$/,
  };
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const which of [...bad, 'absent', 'of another CA'] as const) {
      test(`one that is ${which} is refused with ${version}, whatever key comes with it`, async () => {
        const other = which === 'of another CA' ? (await clientCertificates()).good : undefined;
        const shown = which === 'absent' ? {} : (other ?? certificates[which as (typeof bad)[number]]);

        // By name and by address: there is a certificate for either.
        for (const servername of ['localhost', '']) {
          const told = guarded.door.malformed.length;
          const failed = await guarded.failure({ ...shown, servername, maxVersion: version });

          assert.notEqual(failed, 'secured');
          await guarded.until('it is told', () => guarded.door.malformed.length > told);
          assert.equal(guarded.door.malformed.at(-1), 'TLS_HANDSHAKE_FAILED');
          assert.match(String(guarded.door.malformedParams.at(-1)?.reason), reasons[which]);
        }
        await guarded.unharmed(certificates.good);
      });
    }

    test(`a session that was refused with ${version} opens nothing when it is resumed`, async () => {
      for (const shown of [certificates.expired, {}]) {
        const sessions: Buffer[] = [];
        try {
          const { socket } = await guarded.dial({ ...shown, maxVersion: version });
          const session = socket.getSession();
          if (session !== undefined) sessions.push(session);
          socket.on('session', (s) => sessions.push(s));
          socket.on('error', () => {});
          await new Promise((resolve) => socket.on('end', resolve).on('close', resolve));
        } catch {
          // Refused before there was a session.
        }
        for (const session of sessions) {
          assert.notEqual(await guarded.failure({ maxVersion: version, session }), 'secured');
        }
      }
      await guarded.unharmed(certificates.good);
    });
  }
});

/** A hello of TLS 1.2, with any bytes as its server name. */
function clientHello({ name }: { readonly name: Buffer }): Buffer {
  const sized = (width: 1 | 2 | 3, ...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    const length = Buffer.alloc(width);
    length.writeUIntBE(content.length, 0, width);
    return Buffer.concat([length, content]);
  };
  const extension = (type: number, ...data: Buffer[]): Buffer =>
    Buffer.concat([Buffer.of(type >> 8, type & 0xff), sized(2, ...data)]);
  const extensions = sized(
    2,
    extension(0, sized(2, Buffer.of(0), sized(2, name))),
    extension(10, sized(2, Buffer.from('00170018', 'hex'))),
    extension(11, sized(1, Buffer.of(0))),
    extension(13, sized(2, Buffer.from('04030804', 'hex'))),
    extension(43, sized(1, Buffer.from('0303', 'hex'))),
  );
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32, 7),
    sized(1),
    sized(2, Buffer.from('c02bc02c', 'hex')),
    sized(1, Buffer.of(0)),
    extensions,
  ]);
  return Buffer.concat([Buffer.from('160301', 'hex'), sized(2, Buffer.of(1), sized(3, body))]);
}

/**
 * Certificates on running TLS connections: which one a client sees, renewals under load, client certificates.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type ClientCertificates, clientCertificates } from '../helpers/client-certificates.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, chunk, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { get, post } from '../helpers/test-gateway.ts';
import { clientHello, leafFor, TlsFixture, TwoFoldSource } from '../helpers/tls-fixture.ts';

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

describe('sessions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a session of ${version} is resumed`, async () => {
      const { socket, wire } = await fixture.dial({ maxVersion: version });
      let session = socket.getSession();
      socket.on('session', (s) => {
        session = s;
      });
      await wire.send(get('/v1/models', fixture.proxy.key)).response();

      const again = await fixture.dial({
        maxVersion: version,
        ...(session === undefined ? {} : { session }),
      });

      assert.ok(again.socket.isSessionReused());
      assert.equal((await again.wire.send(get('/v1/models', fixture.proxy.key)).response()).status, 200);
      await fixture.assertUnharmed();
    });
  }

  test('another certificate is shown to new connections, and running streams go on', async () => {
    const old = new X509Certificate(fixture.source.current().chain).fingerprint256;
    let next = (): void => {};
    fixture.engine.setScript([
      `${sseHead}${chunk(event)}`,
      () =>
        new Promise<void>((resolve) => {
          next = resolve;
        }),
      `${chunk('data: [DONE]\n\n')}${lastChunk}`,
    ]);
    const { socket, wire } = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.proxy.key, streamed));
    await wire.until((bytes) => bytes.includes(event));

    fixture.source.set(await leafFor(fixture.authority, ['localhost', '127.0.0.1', 'new.lan']));

    const { socket: later } = await fixture.dial();
    assert.match(later.getPeerX509Certificate()?.subjectAltName ?? '', /new\.lan/);
    assert.equal(socket.getPeerX509Certificate()?.fingerprint256, old);
    next();
    const response = await wire.response();
    assert.ok(response.whole && response.body.toString().endsWith('data: [DONE]\n\n'));
    fixture.engine.setScript([answer('{}')]);
    await fixture.assertUnharmed();
  });
});

describe('a certificate for names beside one for addresses', () => {
  let twofold: TlsFixture;
  before(async () => {
    twofold = await TlsFixture.open({ names: ['localhost', 'box.lan'] });
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

    await twofold.assertUnharmed();
  });

  // Node itself refuses to send an address.
  async function showsAddress(serverName: string): Promise<boolean> {
    const wire = await twofold.dialPlain();
    const hello = clientHello({ name: Buffer.from(serverName) });
    const certificate = await wire.send(hello).until((bytes) => bytes.includes('localhost'));
    return certificate.includes(Buffer.from('87047f000001', 'hex'));
  }

  test('an address is no name in any notation, and a name that begins with a digit is one', async () => {
    for (const address of ['127.0.0.1', '0x7f.1', '2130706433', '0177.0.0.1', '::1', 'fe80::1%eth0', 'A::B'])
      assert.ok(await showsAddress(address), address);
    for (const name of ['1.box.lan', '127.0.0.1.nip.io', 'fe80.lan', '0x', 'a'])
      assert.ok(!(await showsAddress(name)), name);
    await twofold.assertUnharmed();
  });

  test('both are renewed at once, and requests are served under either', async () => {
    const { source, authority, proxy } = twofold;
    assert.ok(source instanceof TwoFoldSource);
    source.named = await leafFor(authority, ['localhost', 'new.lan']);
    source.set(await leafFor(authority, ['localhost', '127.0.0.1', 'other.lan']));

    assert.match(await seen('localhost'), /new\.lan/);
    assert.match(await seen(''), /other\.lan/);
    for (const servername of ['localhost', '']) {
      const { wire } = await twofold.dial({ servername });
      assert.equal((await wire.send(get('/v1/models', proxy.key)).response()).status, 200);
    }
    await twofold.assertUnharmed();
  });
});

describe('renewal under load', () => {
  const streams = 200;

  test('ten renewals under two hundred open streams and steady requests break none of them', async () => {
    const waiting: (() => void)[] = [];
    fixture.engine.setScript((socket, request) => {
      if (!request.body.includes('"stream":true')) return [answer('{"choices":[]}')];
      waiting.push(() => socket.write(`${chunk('data: [DONE]\n\n')}${lastChunk}`));
      return [`${sseHead}${chunk(event)}`];
    });
    const open = await Promise.all(
      Array.from({ length: streams }, async () => {
        const { wire } = await fixture.dial();
        wire.send(post('/v1/chat/completions', fixture.proxy.key, streamed));
        await wire.until((bytes) => bytes.includes(event));
        return wire;
      }),
    );
    const kept = await fixture.dial();
    const fingerprints = new Set<string>();

    for (let renewal = 0; renewal < 10; renewal++) {
      fixture.source.set(await leafFor(fixture.authority, ['localhost', '127.0.0.1']));
      const { socket, wire } = await fixture.dial();
      fingerprints.add(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      for (const client of [wire, kept.wire]) {
        const response = await client.send(post('/v1/chat/completions', fixture.proxy.key, chat)).response();
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
    fixture.engine.setScript([answer('{}')]);
    await fixture.assertUnharmed();
    // The connections to the engine that so many streams needed are dropped.
    await fixture.clock.move(10_000);
    await fixture.engine.deserted();
  });
});

describe('client certificates', () => {
  let certificates: ClientCertificates;
  let guarded: TlsFixture;
  before(async () => {
    certificates = await clientCertificates();
    guarded = await TlsFixture.open({
      names: ['localhost'],
      clientAuthority: { certificates: certificates.ca, revocations: [certificates.crl] },
    });
  });
  after(() => guarded.close());

  test('a good one lets in, and a key is needed as well', async () => {
    const { wire } = await guarded.dial(certificates.good);

    assert.equal((await wire.send(get('/v1/models', 'flm_wrong')).response()).status, 401);
    assert.equal((await wire.send(get('/v1/models', guarded.proxy.key)).response()).status, 200);
    await guarded.assertUnharmed(certificates.good);
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
          const told = guarded.proxy.malformed.length;
          const failed = await guarded.failure({ ...shown, servername, maxVersion: version });

          assert.notEqual(failed, 'secured');
          await guarded.until('it is told', () => guarded.proxy.malformed.length > told);
          assert.equal(guarded.proxy.malformed.at(-1), 'TLS_HANDSHAKE_FAILED');
          assert.match(String(guarded.proxy.malformedParams.at(-1)?.reason), reasons[which]);
        }
        await guarded.assertUnharmed(certificates.good);
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
      await guarded.assertUnharmed(certificates.good);
    });
  }
});

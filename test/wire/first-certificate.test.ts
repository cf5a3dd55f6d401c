/** An HTTPS port while its first certificate is being obtained: it answers the CA, and nobody else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { CertificatePair, CertificateProvider } from '../../src/core/proxy/certificate-provider.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { testCertificate } from '../helpers/test-certificate.ts';
import { openTestGateway, type TestGateway } from '../helpers/test-gateway.ts';

function pairOf(name: string): CertificatePair {
  const { key, cert } = testCertificate(name);
  return { key, chain: cert };
}

const stock = takeStock();
const proof = pairOf('llm.example.org');
const listeners = new Set<() => void>();
let held: CertificatePair | undefined;
const source: CertificateProvider = {
  current: () => held,
  challenge: (name) => (name === 'llm.example.org' ? proof : undefined),
  onChange(f) {
    listeners.add(f);
    return () => listeners.delete(f);
  },
};
let proxy: TestGateway;

before(async () => {
  proxy = await openTestGateway({ config: { mode: 'dev-selfsigned' }, engines: [], tls: { source } });
});
after(async () => {
  await proxy.close();
  await assertNoLeaks(stock);
});

/** The certificate that is shown; undefined where the connection is ended. */
async function shown(options: ConnectionOptions): Promise<string | undefined> {
  const socket: TLSSocket = connect({
    ...{ host: '127.0.0.1', port: proxy.port, rejectUnauthorized: false, servername: 'llm.example.org' },
    ...options,
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerX509Certificate()?.toString();
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`with ${version} the CA is shown the proof, and clients nothing, until there is a certificate`, async () => {
    held = undefined;
    const only: ConnectionOptions = { minVersion: version, maxVersion: version };
    const asCa: ConnectionOptions = { ...only, ALPNProtocols: ['acme-tls/1'] };

    assert.equal(await shown(asCa), proof.chain);
    assert.equal(await shown(only), undefined);
    assert.equal(await shown({ ...asCa, servername: 'other.example.org' }), undefined);

    held = pairOf('llm.example.org');
    for (const f of listeners) f();
    assert.equal(await shown(only), held.chain);
    assert.equal(await shown(asCa), proof.chain);
  });
}

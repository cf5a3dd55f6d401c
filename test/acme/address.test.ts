/** Certificates for addresses (RFC 8738) and certificate profiles against a Pebble that has them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { assertMistake, makeCli, type Ran, type TestCli } from '../helpers/cli.ts';
import { noNewPebble, type Pebble, type PebbleOptions, startPebble } from '../helpers/pebble.ts';

interface Started {
  readonly port: number;
  readonly url: string;
  readonly certificate: { readonly names: readonly string[]; readonly expiresAt: string };
}

interface Fixture {
  readonly cli: TestCli;
  readonly pebble: Pebble;
  start(...more: readonly string[]): Promise<Ran>;
}

const profiles = {
  classic: { description: 'three months', validityPeriod: 90 * 86_400 },
  shortlived: { description: 'six days', validityPeriod: 6 * 86_400 },
};
const loopback6 = Object.values(networkInterfaces()).some((list) => list?.some((a) => a.address === '::1'));

async function fixtureOf(t: TestContext, options: PebbleOptions = {}): Promise<Fixture> {
  const pebble = await startPebble(t, options);
  const cli = makeCli(t, { PATH: process.env.PATH });
  return {
    ...{ cli, pebble },
    start: (...more) =>
      cli.run(
        ...['proxy', 'start', '--mode', 'https-acme', '--demo', '--json', '--acme-accept-terms'],
        ...['--acme-directory', pebble.directory, '--acme-ca', pebble.caFile, ...more],
      ),
  };
}

function started(ran: Ran): Started {
  assert.equal(ran.code, 0, ran.stderr);
  return ran.json<Started>();
}

/** The names of the certificate that a client gets that sends no server name. */
async function namesWithout(pebble: Pebble, host: string, port: number): Promise<string> {
  const ca = readFileSync(await pebble.rootFile());
  const socket: TLSSocket = connect({ host, port, ca });
  await once(socket, 'secureConnect');
  const names = socket.getPeerCertificate().subjectaltname ?? '';
  assert.equal(socket.authorized, true);
  socket.destroy();
  return names;
}

for (const challenge of ['http-01', 'tls-alpn-01'] as const) {
  test(`${challenge} proves an IPv4 address, and a client without a server name gets its certificate`, {
    skip: noNewPebble,
  }, async (t) => {
    const { pebble, start } = await fixtureOf(t);
    const port = challenge === 'http-01' ? '0' : String(pebble.tlsPort);
    const proxy = started(
      await start(
        ...['--bind', '127.0.0.1', '--port', port, '--domain', '127.0.0.1', '--domain', 'llm.example.org'],
        ...['--acme-http-port', String(pebble.httpPort), '--acme-challenge', challenge],
      ),
    );
    assert.deepEqual(proxy.certificate.names.toSorted(), ['127.0.0.1', 'llm.example.org']);
    assert.equal(proxy.url, `https://127.0.0.1:${proxy.port}`);
    assert.match(await namesWithout(pebble, '127.0.0.1', proxy.port), /IP Address:127\.0\.0\.1/);
  });

  test(`${challenge} proves an IPv6 address`, {
    skip: noNewPebble !== false ? noNewPebble : loopback6 ? false : 'this machine has no IPv6',
  }, async (t) => {
    const { pebble, start } = await fixtureOf(t);
    const port = challenge === 'http-01' ? '0' : String(pebble.tlsPort);
    const proxy = started(
      await start(
        ...['--bind', '::1', '--port', port, '--domain', '[0:0:0:0:0:0:0:1]'],
        ...['--acme-http-port', String(pebble.httpPort), '--acme-challenge', challenge],
      ),
    );
    assert.deepEqual(proxy.certificate.names, ['::1']);
    assert.equal(proxy.url, `https://[::1]:${proxy.port}`);
    assert.match(await namesWithout(pebble, '::1', proxy.port), /IP Address/);
  });
}

test('an address gets the short-lived profile where the CA has it, and a name the profile that is named', {
  skip: noNewPebble,
}, async (t) => {
  const { cli, pebble, start } = await fixtureOf(t, { profiles });
  const here = ['--bind', '127.0.0.1', '--port', '0', '--acme-http-port', String(pebble.httpPort)];
  const days = (proxy: Started): number =>
    Math.round((Date.parse(proxy.certificate.expiresAt) - Date.now()) / 86_400_000);

  assert.equal(days(started(await start(...here, '--domain', '127.0.0.1'))), 6);
  await cli.run('proxy', 'stop');
  assert.equal(
    days(started(await start(...here, '--domain', 'a.example.org', '--acme-profile', 'classic'))),
    90,
  );
  await cli.run('proxy', 'stop');
  assertMistake(
    await cli.run(
      ...['proxy', 'start', '--mode', 'https-acme', '--demo', '--acme-accept-terms', ...here],
      ...['--acme-directory', pebble.directory, '--acme-ca', pebble.caFile],
      ...['--domain', 'b.example.org', '--acme-profile', 'weekly'],
    ),
    /the CA has no certificate profile weekly.*\n.*Choose one of classic, shortlived/,
  );
});

test('a private address, and an address by dns-01, are refused before anything is asked', async (t) => {
  const cli = makeCli(t);
  const start = (...more: readonly string[]) => cli.run('proxy', 'start', '--mode', 'https-acme', ...more);
  for (const address of ['192.168.1.5', '10.0.0.1', '127.0.0.1', 'fd00::1', '100.64.0.1'])
    assertMistake(await start('--domain', address), /a public address: no public CA issues/);
  for (const address of ['0.0.0.0', '224.0.0.1', '::', 'fe80::1', '::ffff:8.8.8.8', '8.8.8'])
    assertMistake(await start('--domain', address), /an address of one machine/);
  assertMistake(
    await start('--domain', '8.8.8.8', '--acme-dns-hook', '/bin/true'),
    /no address with dns-01, which proves only names/,
  );
});

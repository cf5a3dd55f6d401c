/**
 * Certificates of an ACME server that machines share: three keepers with one PostgreSQL, each with a folder of its own.
 * Pebble validates at another machine than the one that orders.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openAcmeKeeper } from '../../src/app/acme-renewal.ts';
import { HandOverParts } from '../../src/app/hand-over-parts.ts';
import { thisMachine } from '../../src/app/machine.ts';
import type { RenewingCertificate } from '../../src/app/renewing-certificate.ts';
import { systemClock } from '../../src/core/clock.ts';
import { CertificateError } from '../../src/core/errors.ts';
import { parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';
import type { SharedFiles } from '../../src/core/shared-files.ts';
import { LogQuota } from '../../src/observe/log-quota.ts';
import { createLogger } from '../../src/observe/logger.ts';
import { PostgresSharedFiles } from '../../src/store/postgres/shared-files.ts';
import { StoreKey } from '../../src/store/postgres/store-key.ts';
import { SharedProofs } from '../../src/tls/acme/shared-proofs.ts';
import { SharedCertificateStore } from '../../src/tls/shared-certificate-store.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { type FaultLink, startFaultLink } from '../helpers/fault-link.ts';
import { freePort, freePorts } from '../helpers/free-ports.ts';
import { MovedClock } from '../helpers/moved-clock.ts';
import { noPebble, type Pebble, startPebble } from '../helpers/pebble.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { postgresDatabase, testStoreKeyText } from '../helpers/postgres-store.ts';
import { temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;
const skipAcme = noPostgres || noPebble;
const domains = ['llm.example.org', 'chat.example.org'];
const never = new AbortController().signal;
const key = new StoreKey('store.key', testStoreKeyText);

const filesOf = (t: TestContext, url: string): SharedFiles =>
  new PostgresSharedFiles(postgresDatabase(t, url, { queryTimeoutMs: 1_000, connectTimeoutMs: 1_000 }), key);

/** A machine that keeps the certificate in `mode: https-acme`, without the proxy around it. */
async function startMachine(t: TestContext, url: string, pebble: Pebble, httpPort: number) {
  const home = temporaryHome(t);
  const machine = thisMachine({ ...process.env, FLM_HOME: home });
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const quota = new LogQuota(logger, systemClock);
  t.after(() => quota.close());
  const config = parseProxyConfig({
    mode: 'https-acme',
    bind: ['127.0.0.1'],
    domains,
    acme: {
      directory: pebble.directory,
      caFile: pebble.caFile,
      acceptTerms: true,
      challenge: 'http-01',
      httpPort,
    },
  });
  const keeper = await openAcmeKeeper(config, {
    machine,
    logger,
    quota,
    port: () => 443,
    takeOver: undefined,
    handOverParts: new HandOverParts(),
    sockets: [],
    keyId: () => undefined,
    sharedFiles: filesOf(t, url),
  });
  t.after(() => keeper.close());
  return { keeper, home };
}

/** What the CA reaches: passes each connection to the port that `next` returns, as soon as that port is open. */
async function startBalancer(t: TestContext, port: number, next: () => number): Promise<void> {
  const open = new Set<Socket>();
  const pass = async (client: Socket, to: number): Promise<void> => {
    const target = await eventually(
      () => dialed(to),
      (socket) => socket !== undefined,
    );
    assert.ok(target !== undefined);
    open.add(target.on('error', () => target.destroy()));
    client.pipe(target).pipe(client);
  };
  const server = createServer((client) => {
    open.add(client.on('error', () => client.destroy()));
    pass(client, next()).catch(() => client.destroy());
  });
  await once(server.listen(port), 'listening');
  t.after(async () => {
    for (const socket of open) socket.destroy();
    await once(server.close(), 'close');
  });
}

function dialed(port: number): Promise<Socket | undefined> {
  const socket = connect({ port, host: '127.0.0.1' });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

const orders = (pebble: Pebble): number => pebble.log().split('POST /order-plz').length - 1;
const accounts = (pebble: Pebble): number => pebble.log().split('POST /sign-me-up').length - 1;
const fingerprint = (keeper: RenewingCertificate): string | undefined => keeper.facts()?.fingerprint;

test('one machine orders, another answers the CA, and all use the certificate', {
  skip: skipAcme,
}, async (t) => {
  const url = await postgres.database(t);
  const pebble = await startPebble(t);
  const ports = await freePorts(3);
  const machines = await Promise.all(ports.map((port) => startMachine(t, url, pebble, port)));
  let asked = 0;
  await startBalancer(t, pebble.httpPort, () => ports[asked++ % 3] as number);
  await Promise.all(machines.map(({ keeper }) => keeper.ready(never)));
  assert.equal(orders(pebble), 1);
  assert.equal(accounts(pebble), 1);
  // Each of two domains was validated at another machine, so one of these machines did not order.
  assert.ok(asked >= 2);
  const [first] = machines.map(({ keeper }) => fingerprint(keeper));
  assert.notEqual(first, undefined);
  for (const { keeper, home } of machines) {
    assert.equal(fingerprint(keeper), first);
    assert.ok(!readdirSync(home).includes('tls'), 'no private key is on the disk of a machine');
  }
  const [stored = ''] = await postgres.query(
    url,
    "SELECT string_agg(encode(sealed, 'hex'), '') FROM flm.file",
  );
  assert.ok(stored.length > 1_000);
  for (const text of ['PRIVATE KEY', 'CERTIFICATE'])
    assert.ok(!stored.includes(Buffer.from(text).toString('hex')), `${text} is encrypted`);
  assert.deepEqual(
    await postgres.query(url, "SELECT count(*) FROM flm.file WHERE path LIKE 'acme-challenge/%'"),
    ['0'],
  );
});

test('a machine that starts later takes the certificate from the database, without a request to the CA', {
  skip: skipAcme,
}, async (t) => {
  const url = await postgres.database(t);
  const pebble = await startPebble(t);
  const [portA = 0, portB = 0] = await freePorts(2);
  const a = await startMachine(t, url, pebble, portA);
  await startBalancer(t, pebble.httpPort, () => portA);
  await a.keeper.ready(never);
  await pebble.stop();
  const b = await startMachine(t, url, pebble, portB);
  await b.keeper.ready(never);
  assert.equal(fingerprint(b.keeper), fingerprint(a.keeper));
});

test('a machine finds the tls-alpn-01 challenge of another machine, and none for other names', {
  skip: skipAcme,
}, async (t) => {
  const url = await postgres.database(t);
  const pebble = await startPebble(t);
  const port = await freePort();
  const { keeper } = await startMachine(t, url, pebble, port);
  const proofs = new SharedProofs(filesOf(t, url), systemClock);
  const proof = { domain: 'llm.example.org', token: 't', authorization: 't.x' };
  const hide = await proofs.show({ ...proof, type: 'tls-alpn-01' });
  const found = await keeper.findChallenge?.('LLM.example.org');
  assert.match(found?.chain ?? '', /BEGIN CERTIFICATE/);
  assert.equal(await keeper.findChallenge?.('chat.example.org'), undefined);
  assert.equal(await keeper.findChallenge?.('other.example.org'), undefined);
  await hide();
  assert.equal(await keeper.findChallenge?.('llm.example.org'), undefined);
});

test('many questions for unknown challenges read the database four times a second at most', async () => {
  const clock = new MovedClock();
  let reads = 0;
  const list = (): Promise<readonly []> => {
    reads += 1;
    return Promise.resolve([]);
  };
  // Nothing else is called.
  const files = { list } as unknown as SharedFiles;
  const proofs = new SharedProofs(files, clock);
  const answers: Promise<unknown>[] = [];
  for (let ms = 0; ms < 1_000; ms += 10) {
    for (let i = 0; i < 10; i++) answers.push(proofs.find());
    await clock.move(10);
  }
  await clock.move(1_000);
  await Promise.all(answers);
  assert.ok(reads >= 4 && reads <= 5, String(reads));
});

test('a lock has one holder, and lapses when its holder dies', { skip }, async (t) => {
  const url = await postgres.database(t);
  const [a, b] = [filesOf(t, url), filesOf(t, url)];
  assert.equal(await a.lock('x', 'a', 60_000), true);
  assert.equal(await b.lock('x', 'b', 60_000), false);
  assert.equal(await a.lock('x', 'a', 60_000), true, 'its holder extends it');
  await b.unlock('x', 'b');
  assert.equal(await b.lock('x', 'b', 60_000), false, 'another cannot free it');
  await a.unlock('x', 'a');
  assert.equal(await b.lock('x', 'b', 1), true);
  assert.ok(
    await eventually(
      () => a.lock('x', 'a', 60_000),
      (taken) => taken,
    ),
  );
});

test('of many machines that want the same lock, one at a time has it', { skip }, async (t) => {
  const url = await postgres.database(t);
  let inside = 0;
  let most = 0;
  const stores = Array.from({ length: 4 }, (_, i) => {
    let n = 0;
    return new SharedCertificateStore(filesOf(t, url), systemClock, () => `holder ${i} ${n++}`);
  });
  await Promise.all(
    stores.map((store) =>
      store.locked('name', 60_000, never, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await store.keepNote('name', 'tries', '{}');
        inside -= 1;
      }),
    ),
  );
  assert.equal(most, 1);
});

test('a holder that cannot extend its lock stops before another machine can take it', { skip }, async (t) => {
  const url = new URL(await postgres.database(t));
  const link: FaultLink = await startFaultLink(postgres.port());
  t.after(() => link.close());
  url.port = String(link.port);
  const clock = new MovedClock();
  const store = new SharedCertificateStore(filesOf(t, url.href), clock, () => 'holder');
  const running = store.locked('name', 1_000, never, async (holding) => {
    link.refuse();
    // The lock lapses after 60 s.
    for (let ms = 0; ms < 45_000; ms += 15_000) {
      const before = link.acceptedConnections;
      await clock.move(15_000);
      await eventually(
        () => link.acceptedConnections,
        (accepted) => accepted > before,
      );
    }
    await eventually(
      () => holding.aborted,
      (aborted) => aborted,
    );
    holding.throwIfAborted();
  });
  await assert.rejects(
    running,
    (error) => error instanceof CertificateError && error.code === 'CERT_STORE_FAILED',
  );
});

test('files of another store key are refused with the reason', { skip }, async (t) => {
  const url = await postgres.database(t);
  const clock = systemClock;
  await new SharedCertificateStore(filesOf(t, url), clock, () => 'h').keepNote('n', 'key', 'secret');
  const other = new PostgresSharedFiles(
    postgresDatabase(t, url),
    new StoreKey('other.key', `flm-store-key-1:${'o'.repeat(42)}A`),
  );
  await assert.rejects(
    new SharedCertificateStore(other, clock, () => 'h').note('n', 'key'),
    /another store key/,
  );
});

for (const [challenge, portOfCa] of [
  ['http-01', 'httpPort'],
  ['tls-alpn-01', 'tlsPort'],
] as const) {
  test(`two gateways obtain one certificate by ${challenge} behind a balancer, and one of them renews it for both`, {
    skip: skipAcme,
  }, async (t) => {
    const url = await postgres.database(t);
    const pebble = await startPebble(t);
    const keyFile = join(temporaryHome(t), 'store.key');
    writeFileSync(keyFile, testStoreKeyText, { mode: 0o600 });
    const [a = 0, b = 0, plainA = 0, plainB = 0] = await freePorts(4);
    let asked = 0;
    const ports = challenge === 'http-01' ? [plainA, plainB] : [a, b];
    await startBalancer(t, pebble[portOfCa], () => ports[asked++ % 2] as number);
    const gateway = async (port: number, plainPort: number) => {
      const cli = makeCli(t, { FLM_DATABASE_URL: url, FLM_STORE_KEY_FILE: keyFile });
      const started = await cli.run(
        ...[
          'proxy',
          'start',
          '--json',
          '--bind',
          '127.0.0.1',
          '--port',
          String(port),
          '--mode',
          'https-acme',
        ],
        ...domains.flatMap((domain) => ['--domain', domain]),
        ...['--acme-directory', pebble.directory, '--acme-ca', pebble.caFile, '--acme-accept-terms'],
        ...['--acme-challenge', challenge, '--acme-http-port', String(plainPort)],
      );
      assert.equal(started.code, 0, started.stderr);
      return cli;
    };
    const [first, second] = await Promise.all([gateway(a, plainA), gateway(b, plainB)]);
    const certificateOf = async (cli: TestCli): Promise<string | undefined> => {
      const { proxies } = (await cli.run('status', '--json')).json<{
        proxies: { certificate?: { fingerprint: string } }[];
      }>();
      return proxies[0]?.certificate?.fingerprint;
    };
    const old = await certificateOf(first);
    assert.notEqual(old, undefined);
    assert.equal(await certificateOf(second), old);
    assert.equal(orders(pebble), 1);
    assert.ok(asked >= 2);
    for (const { home } of [first, second])
      assert.ok(!existsSync(join(home, 'tls')), 'no key is on its disk');

    const renewed = await first.run('cert', 'renew');
    assert.equal(renewed.code, 0, renewed.stderr);
    await eventually(
      () => certificateOf(first),
      (found) => found !== old,
    );
    const fresh = await certificateOf(first);
    await eventually(
      () => certificateOf(second),
      (found) => found === fresh,
    );
    assert.equal(orders(pebble), 2);
  });
}

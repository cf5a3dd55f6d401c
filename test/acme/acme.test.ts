/**
 * `https-acme` as people meet it: the built command line against Pebble, a real ACME server.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { makeCli, type Ran, type TestCli } from '../helpers/cli.ts';
import { freePorts, noPebble, type Pebble, type PebbleOptions, startPebble } from '../helpers/pebble.ts';

const domain = 'llm.example.org';

interface Started {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly certificate: { names: string[]; fingerprint: string; expiresAt: string };
}

interface Stage {
  readonly cli: TestCli;
  readonly pebble: Pebble;
  start(...more: readonly string[]): Promise<Ran>;
}

async function stageOf(t: TestContext, options: PebbleOptions = {}): Promise<Stage> {
  const pebble = await startPebble(t, options);
  const cli = makeCli(t, { PATH: process.env.PATH });
  return {
    cli,
    pebble,
    start: (...more) =>
      cli.run(
        ...['proxy', 'start', '--mode', 'https-acme', '--bind', '127.0.0.1', '--demo', '--json'],
        ...['--acme-directory', pebble.directory, '--acme-ca', pebble.caFile, '--acme-accept-terms'],
        ...more,
      ),
  };
}

function started(ran: Ran): Started {
  assert.equal(ran.code, 0, ran.stderr);
  return ran.json<Started>();
}

const ran = (command: string, args: readonly string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const child = execFile(command, args, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        output: stdout + stderr,
      }),
    );
    child.stdin?.end();
  });

/** Both accept the certificate for this name, by the root that Pebble issues under; curl alone with the system's does not. */
async function assertTrusted(pebble: Pebble, host: string, port: number): Promise<void> {
  const root = await pebble.rootFile();
  const openssl = await ran('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', host, '-verify_hostname', host],
    ...['-CAfile', root, '-verify_return_error'],
  ]);
  assert.equal(openssl.code, 0, openssl.output);
  const curl = ['-sS', '-m', '20', '--noproxy', '*', '--resolve', `${host}:${port}:127.0.0.1`];
  const page = await ran('curl', [...curl, '--cacert', root, `https://${host}:${port}/health`]);
  assert.match(page.output, /"status":"up"/);
  assert.notEqual((await ran('curl', [...curl, `https://${host}:${port}/health`])).code, 0);
}

test('one command obtains a certificate by http-01 that openssl and curl accept', {
  skip: noPebble,
}, async (t) => {
  const { pebble, start } = await stageOf(t);
  const [port] = await freePorts(1);

  const begunMs = performance.now();
  const proxy = started(
    await start('--domain', domain, '--port', String(port), '--acme-http-port', String(pebble.httpPort)),
  );
  t.diagnostic(`from command to endpoint: ${Math.round(performance.now() - begunMs)} ms`);

  assert.deepEqual(proxy.certificate.names, [domain]);
  await assertTrusted(pebble, domain, proxy.port);
});

/**
 * HTTPS with what only a whole machine has: its own trust, a real browser, testssl.sh. `.ci/run tls` runs this as root of
 * a machine that is thrown away; anywhere else everything is skipped, for it changes whom the machine trusts.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import { findAuthority } from '../../src/tls/authority.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';
import { leafFor } from '../helpers/tls-fixture.ts';

const skip =
  process.env.CI === 'true' && process.getuid?.() === 0
    ? false
    : 'changes the trust of the machine: only as root with CI=true';

const anchors = '/usr/local/share/ca-certificates';

interface Ran {
  readonly code: number;
  readonly output: string;
}

function ran(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 ** 2, timeout: 600_000 };
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        output: stdout + stderr,
      }),
    );
  });
}

interface Machine {
  readonly cli: TestCli;
  readonly home: string;
  readonly port: number;
}

/** A proxy, and a home folder for browsers; the machine's trust is taken back at the end. */
async function machineOf(t: TestContext): Promise<Machine> {
  const home = mkdtempSync(join(tmpdir(), 'flm-browser-'));
  const cli = makeCli(t, { PATH: process.env.PATH, HOME: home });
  const { port } = await startProxy(cli, '--mode', 'dev-selfsigned', '--demo');
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return { cli, home, port };
}

/** What a page looks like in Chromium, error pages included. */
async function browse(home: string, url: string): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), 'flm-chromium-'));
  try {
    const quiet =
      '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
    const rules = 'MAP bank.lan 127.0.0.1, MAP bank.example.com 127.0.0.1';
    const args = [
      `--user-data-dir=${profile}`,
      `--host-resolver-rules=${rules}`,
      '--timeout=20000',
      '--dump-dom',
      url,
    ];
    return (await ran('chromium', [...quiet.split(' '), ...args], { HOME: home })).output;
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}

test('trust is given to the machine and its browser, proved by handshakes, and taken away again', {
  skip,
}, async (t) => {
  const { cli, home, port } = await machineOf(t);
  const before = readdirSync(anchors);
  const health = `https://localhost:${port}/health`;
  const curl = (): Promise<Ran> => ran('curl', ['-sS', '--noproxy', '*', health]);
  assert.notEqual((await curl()).code, 0, 'not trusted at first');
  assert.match(await browse(home, health), /ERR_CERT_AUTHORITY_INVALID/);

  const trusted = await cli.run('cert', 'trust', '--yes', '--json');

  assert.equal(trusted.code, 0, trusted.stderr);
  const { proofs, done } = trusted.json<{ proofs: { program: string; trusts: boolean }[]; done: string[] }>();
  assert.equal(done.length, 2, done.join());
  for (const { program, trusts } of proofs) assert.ok(trusts, program);
  for (const program of ['curl', 'Chromium, Chrome, Brave, Edge'])
    assert.ok(
      proofs.some((p) => p.program === program),
      program,
    );
  assert.equal((await curl()).code, 0);
  assert.match(await browse(home, health), /"status":\s*"(up|ok)"/);
  const again = await cli.run('cert', 'trust', '--yes', '--json');
  assert.deepEqual(again.json<{ done: string[] }>().done, []);

  await cli.run('cert', 'authority', 'renew', '--yes');
  const moved = await cli.run('cert', 'trust', '--yes', '--json');
  assert.equal(
    moved.json<{ done: string[] }>().done.length,
    4,
    'the new one added, the old one taken away, in both',
  );
  assert.equal((await curl()).code, 0);

  const removed = await cli.run('cert', 'trust', '--remove', '--yes');
  assert.equal(removed.code, 0, removed.stderr);
  assert.deepEqual(readdirSync(anchors), before);
  assert.notEqual((await curl()).code, 0);
  assert.match(await browse(home, health), /ERR_CERT_AUTHORITY_INVALID/);
});

test('the browser refuses a name outside the constraints, though it trusts the CA', { skip }, async (t) => {
  const { cli, home } = await machineOf(t);
  await cli.run('cert', 'trust', '--yes');
  const authority = await findAuthority({
    store: new CertificateStore(join(cli.home, 'tls'), systemClock),
    clock: systemClock,
  });
  assert.ok(authority !== undefined);
  const page = async (names: readonly string[], host: string): Promise<string> => {
    const { key, chain } = await leafFor(authority, names);
    const server = createServer({ key, cert: chain }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nserved'),
      );
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const text = await browse(home, `https://${host}:${port}/`);
    server.close();
    return text;
  };

  try {
    assert.match(await page(['bank.lan'], 'bank.lan'), /served/);
    const outside = await page(['bank.example.com'], 'bank.example.com');
    assert.doesNotMatch(outside, /served/);
    assert.match(outside, /ERR_CERT_/);
  } finally {
    await cli.run('cert', 'trust', '--remove', '--yes');
  }
});

test('testssl.sh finds nothing above "low" in protocols, ciphers and vulnerabilities', {
  skip,
}, async (t) => {
  const { port, home } = await machineOf(t);
  const report = join(home, 'testssl.json');
  const program = existsSync('/usr/bin/testssl') ? 'testssl' : 'testssl.sh';

  const { output } = await ran(program, [
    '--quiet',
    '--color',
    '0',
    '--jsonfile',
    report,
    '-p',
    '-s',
    '-f',
    '-U',
    `127.0.0.1:${port}`,
  ]);

  const findings = JSON.parse(readFileSync(report, 'utf8')) as {
    id: string;
    severity: string;
    finding: string;
  }[];
  assert.ok(findings.length > 30, output.slice(-2000));
  // `engine_problem` is about the OpenSSL that testssl.sh runs with, not about the server.
  const bad = findings.filter(
    ({ id, severity }) => id !== 'engine_problem' && !['OK', 'INFO', 'LOW'].includes(severity),
  );
  assert.deepEqual(bad, []);
});

/** The connection to the server that counts limits: TLS, a password, and what people see of them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { noRedis, type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { startProxy } from '../helpers/start-proxy.ts';
import { testCertificate } from '../helpers/test-certificate.ts';

const password = 'p#ss w%rd';

interface View {
  readonly limiter?: { readonly state: string; readonly problem?: string };
  readonly warnings: readonly string[];
}

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

function files(cli: TestCli, name: string): Files {
  const { key, cert } = testCertificate('localhost');
  const certFile = join(cli.folder, `${name}.crt`);
  const keyFile = join(cli.folder, `${name}.key`);
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  return { certFile, keyFile, caFile: certFile };
}

async function view(cli: TestCli): Promise<View> {
  const { stdout } = await cli.run('proxy', 'status', '--json');
  assert.ok(
    !stdout.includes(password) && !stdout.includes(encodeURIComponent(password)),
    'no secret is shown',
  );
  const [proxy] = (JSON.parse(stdout) as { proxies: readonly View[] }).proxies;
  assert.ok(proxy !== undefined);
  return proxy;
}

test('a server with TLS and a password counts limits, and nobody sees the password', {
  skip: noRedis,
}, async (t) => {
  const holder = makeCli(t);
  const tls = files(holder, 'server');
  const server = await startRedis({ tls, password });
  t.after(() => server.close());
  const secret = join(holder.folder, 'url');
  writeFileSync(secret, `${server.url}?ca=${tls.caFile}\n`, { mode: 0o600 });
  const cli = makeCli(t, { FLM_VALKEY_URL_FILE: secret });
  await startProxy(cli, '--demo');
  assert.equal((await view(cli)).limiter?.state, 'shared');
  const log = await cli.run('proxy', 'logs');
  assert.match(log.stdout, /limits are counted for all nodes/);
  assert.ok(!log.stdout.includes(password) && !log.stdout.includes(encodeURIComponent(password)));
});

test('a server whose certificate nobody trusts, or with another password, counts nothing and is named', {
  skip: noRedis,
}, async (t) => {
  const holder = makeCli(t);
  const tls = files(holder, 'server');
  const server = await startRedis({ tls, password });
  t.after(() => server.close());
  const other = files(holder, 'other');
  const wrong: readonly (readonly [url: string, problem: RegExp])[] = [
    [`${server.url}?ca=${other.caFile}`, /self-signed|unable to verify|certificate/i],
    [`${withPassword(server, 'wrong')}?ca=${tls.caFile}`, /WRONGPASS|AUTH/i],
  ];
  for (const [url, problem] of wrong) {
    // Somebody may have set it for another program.
    const cli = makeCli(t, { FLM_VALKEY_URL: url, NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    await startProxy(cli, '--demo');
    const { limiter, warnings } = await eventually(
      () => view(cli),
      (seen) => problem.test(seen.limiter?.problem ?? ''),
      200,
    );
    assert.equal(limiter?.state, 'away');
    assert.match(warnings.join('\n'), /FLM_VALKEY_URL does not count limits/);
    await cli.run('proxy', 'stop', '--all');
  }
});

test('a CA file that cannot be read is an error before the start', { skip: noRedis }, async (t) => {
  const cli = makeCli(t, { FLM_VALKEY_URL: 'rediss://localhost:1?ca=/nowhere/ca.pem' });
  const ran = await cli.run('proxy', 'start', '--port', '0', '--demo', '--json');
  assert.notEqual(ran.code, 0);
  assert.match(ran.stderr, /STORE_SETTINGS_INVALID/);
  assert.match(ran.stderr, /nowhere\/ca\.pem/);
});

function withPassword(server: RedisServer, other: string): string {
  const url = new URL(server.url);
  url.password = other;
  return url.href;
}

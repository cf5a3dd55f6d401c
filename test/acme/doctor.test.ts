/** What `flm doctor` says about the port on which a proxy with a certificate of Pebble answers the CA. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { noPebble, startPebble } from '../helpers/pebble.ts';

interface Report {
  readonly findings: readonly { readonly code: string; readonly message: string; readonly command: string }[];
}

test('a program that has the port of http-01 is named, until the proxy has the port', {
  skip: noPebble,
}, async (t) => {
  const pebble = await startPebble(t);
  const cli = makeCli(t, { PATH: process.env.PATH });
  const ran = async (...words: readonly string[]) => {
    const done = await cli.run(...words);
    assert.equal(done.code, 0, done.stderr);
  };
  await ran(
    ...['profile', 'save', 'public', '--mode', 'https-acme', '--bind', '127.0.0.1', '--port', '0', '--demo'],
    ...['--domain', 'llm.example.org', '--acme-directory', pebble.directory, '--acme-ca', pebble.caFile],
    ...['--acme-accept-terms', '--acme-http-port', String(pebble.httpPort)],
  );
  const found = async () =>
    (await cli.run('doctor', '--json'))
      .json<Report>()
      .findings.filter(({ code }) => code.startsWith('HTTP_PORT_'));
  await ran('proxy', 'start', 'public');
  assert.deepEqual(await found(), []);
  await ran('proxy', 'stop');

  const other = createServer().listen(pebble.httpPort, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  // With the stored certificate.
  await ran('proxy', 'start', 'public');
  const [held] = await found();
  assert.equal(held?.code, 'HTTP_PORT_HELD');
  if (process.platform === 'linux')
    assert.match(held?.message ?? '', new RegExp(`is in use by .* \\(pid ${process.pid}\\), so `));
  assert.equal(held?.command, 'flm proxy restart public --acme-challenge tls-alpn-01');

  other.close();
  await eventually(found, ({ length }) => length === 0, 500);
});

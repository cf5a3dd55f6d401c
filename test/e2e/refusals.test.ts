/** What the log and `flm explain` say of refused requests and of connections that never became one. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { clientCertificates } from '../helpers/client-certificates.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Started {
  readonly port: number;
  readonly url: string;
}

type LogLine = Readonly<Record<string, unknown>>;

function logOf(cli: TestCli): readonly LogLine[] {
  const text = readFileSync(join(cli.home, 'logs/default.log'), 'utf8');
  // Behind the last newline a line may be on its way.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogLine);
}

/** The id under which it was answered. */
function ask(url: string, key?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    request(url, { headers }, (response) => {
      response.resume();
      response.once('end', () => resolve(String(response.headers['x-request-id'])));
    })
      .once('error', reject)
      .end();
  });
}

test('a client without a key cannot rotate the log away: its refusals after the fifth are one line', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli);

  const ids: string[] = [];
  for (let i = 0; i < 200; i++) ids.push(await ask(`${url}/v1/models`));
  const explained = await cli.run('explain', String(ids[4]));
  await cli.run('proxy', 'stop');

  const lines = logOf(cli);
  const whole = lines.filter(({ msg, status }) => msg === 'request' && status !== 200);
  assert.deepEqual(
    whole.map(({ id }) => id),
    ids.slice(0, 5),
  );
  const sum = lines.find(({ msg }) => / more refused requests in \d+ s$/.test(String(msg)));
  assert.deepEqual([sum?.client, sum?.requests], ['127.0.0.1', 195]);
  assert.match(explained.stdout, /AUTH_MISSING: No valid API key was given\./);
});

test('a key whose requests are refused as fast as it sends them leaves a few lines, and what it is given is logged whole', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli);
  const { key } = await createKey(cli, 'loud');
  await ask(`${url}/v1/models`, key);

  for (let i = 0; i < 30; i++) await ask(`${url}/v1/nothing`, key);
  for (let i = 0; i < 30; i++) await ask(`${url}/v1/models`, key);
  await cli.run('proxy', 'stop');

  const lines = logOf(cli);
  const count = (status: number): number => lines.filter((line) => line.status === status).length;
  assert.deepEqual([count(404), count(200)], [5, 31]);
  assert.ok(lines.some(({ keyLabel, requests }) => keyLabel === 'loud' && requests === 25));
});

test('explain of a refused request shows its own values, not places for them', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  const { key } = await createKey(cli, 'k', '--endpoint', 'embeddings');

  const denied = await ask(`${url}/v1/models`, key);
  const text = (await cli.run('explain', denied)).stdout;
  const document = (await cli.run('explain', denied, '--json')).json<{ text: string; hint: string }>();

  assert.match(text, /ENDPOINT_DENIED: This key may not use the endpoint models\.list\./);
  assert.match(document.hint, /`flm key create LABEL --endpoint models\.list`/);
  assert.match(document.text, /models\.list/);
  const made = await cli.run('key', 'create', 'other', '--endpoint', 'models.list');
  assert.equal(made.code, 0, 'what is advised works');
});

test('the log says which check a client certificate failed, and explain knows the connection', async (t) => {
  const cli = makeCli(t);
  const own = await clientCertificates();
  const caFile = join(cli.folder, 'client-ca.pem');
  writeFileSync(caFile, own.ca);
  const flags = ['--mode', 'dev-selfsigned', '--bind', '127.0.0.1', '--port', '0', '--client-ca', caFile];
  const started = await cli.run('proxy', 'start', ...flags, '--json');
  assert.equal(started.code, 0, started.stderr);
  const { port } = started.json<Started>();
  const shown = {
    CERT_HAS_EXPIRED: own.expired,
    INVALID_PURPOSE: own.wrongUse,
    ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: {},
  };
  for (const pair of Object.values(shown)) {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...pair });
    await new Promise((closed) =>
      socket
        .on('error', () => {})
        .on('close', closed)
        .resume(),
    );
  }

  // Lines are written a moment later; each look is a whole command, so this does not spin.
  const handshakes = () => logOf(cli).filter(({ code }) => code === 'TLS_HANDSHAKE_FAILED');
  while (handshakes().length < 3) await cli.run('proxy', 'status');
  const refused = handshakes();
  const explained = await Promise.all(refused.map(({ id }) => cli.run('explain', String(id))));

  assert.equal(refused.length, 3);
  for (const [i, check] of Object.keys(shown).entries()) {
    assert.match(String(refused[i]?.reason), new RegExp(`\\(${check}\\)$`));
    assert.match(
      explained[i]?.stdout ?? '',
      new RegExp(`none was read from 127\\.0\\.0\\.1[^]*\\(${check}\\)\\.`),
    );
  }
});

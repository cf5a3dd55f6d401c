import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { llamacppTable, startFakeEngine } from '../helpers/fake-engine.ts';

/** The status of a request that names this host. */
async function statusFor(url: string, host: string): Promise<number | undefined> {
  const [response] = (await once(get(`${url}/health`, { headers: { host }, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  return response.statusCode;
}

test('every setting can come from the environment; a flag comes first, a profile later', async (t) => {
  const engine = await startFakeEngine(llamacppTable);
  t.after(() => engine.close());
  const cli = makeCli(t, {
    FLM_PROXY_PORT: '0',
    FLM_PROXY_ENGINES: engine.url,
    FLM_PROXY_PUBLIC_HOSTS: 'llm.example.org,llm.internal',
    FLM_PROXY_LIMITS_MAX_QUEUED: '7',
  });
  await cli.run('profile', 'save', 'default', '--port', '1', '--public-host', 'saved.example.org');

  const shown = await cli.run('profile', 'show');
  assert.match(shown.stdout, /^port +0 +FLM_PROXY_PORT$/m);
  assert.match(shown.stdout, /^limits\.maxQueued +7 +FLM_PROXY_LIMITS_MAX_QUEUED$/m);
  assert.match(shown.stdout, /^graceMs +30000 +default$/m);

  const proxy = cli.start('proxy', 'run', '--json');
  const [, url = ''] = await proxy.saw(/"url":"([^"]+)"/);
  assert.equal(await statusFor(url, 'llm.internal'), 200);
  assert.equal(await statusFor(url, 'saved.example.org'), 421);
  const { engines } = (await cli.run('engine', 'list', '--json')).json<{ engines: { url: string }[] }>();
  assert.deepEqual(
    engines.map((e) => e.url),
    [engine.url],
  );
});

test('a restart keeps the settings of the environment that the proxy was started in', async (t) => {
  const started = makeCli(t, { FLM_PROXY_PORT: '0', FLM_PROXY_PUBLIC_HOSTS: 'llm.example.org' });
  const other = makeCli(t, { FLM_HOME: started.home });
  const first = (await started.run('proxy', 'start', '--json')).json<{ id: string; url: string }>();
  assert.equal(await statusFor(first.url, 'llm.example.org'), 200);
  for (const flags of [[], ['--grace', '1']]) {
    const next = (await other.run('proxy', 'restart', '--json', ...flags)).json<{
      id: string;
      url: string;
    }>();
    assert.equal(next.url, first.url);
    assert.equal(await statusFor(next.url, 'llm.example.org'), 200);
  }
  const renamed = makeCli(t, { FLM_HOME: started.home, FLM_PROXY_PUBLIC_HOSTS: 'new.example.org' });
  await renamed.run('proxy', 'restart');
  assert.equal(await statusFor(first.url, 'llm.example.org'), 421);
  assert.equal(await statusFor(first.url, 'new.example.org'), 200);
});

test('a variable that is unknown or not valid stops the start and is named, all of them at once', async (t) => {
  const cli = makeCli(t, { FLM_PROXY_PROT: '9000', FLM_PROXY_LIMITS_MAX_QUEUE: '1' });
  for (const command of [
    ['proxy', 'run'],
    ['proxy', 'start'],
    ['up', '--detach'],
  ]) {
    const { code, stdout, stderr } = await cli.run(...command);
    assert.equal(code, 1);
    assert.match(`${stdout}${stderr}`, /FLM_PROXY_PROT is an unknown variable; allowed: FLM_PROXY_PORT/);
    assert.match(`${stdout}${stderr}`, /FLM_PROXY_LIMITS_MAX_QUEUE is .*FLM_PROXY_LIMITS_MAX_QUEUED/);
  }
  assertMistake(
    await makeCli(t, { FLM_PROXY_PORT: '99999' }).run('proxy', 'start'),
    /FLM_PROXY_PORT is 99999; allowed: 65535 or less/,
  );
  // Commands that start nothing do not need the settings.
  assert.equal((await cli.run('key', 'list')).code, 0);
});

test('the first admin key comes from a file, works from the first request on and is made once', async (t) => {
  const folder = makeCli(t).folder;
  const file = join(folder, 'admin-key');
  const secret = randomBytes(24).toString('base64url');
  writeFileSync(file, `${secret}\n`);
  const cli = makeCli(t, { FLM_ADMIN_KEY_FILE: file, FLM_PROXY_ADMIN: 'true', FLM_PROXY_PORT: '0' });
  const proxy = cli.start('proxy', 'run', '--json');
  const [, url = ''] = await proxy.saw(/"url":"([^"]+)"/);
  const answer = await fetch(`${url}/flm/api/v1/keys`, { headers: { authorization: `Bearer ${secret}` } });
  assert.equal(answer.status, 200, await answer.text());
  assert.match(proxy.stderr(), /Created the admin key key_\w{12} from FLM_ADMIN_KEY_FILE/);
  assert.ok(!proxy.stderr().includes(secret));
  proxy.child.kill('SIGTERM');
  await proxy.ended;

  const again = cli.start('proxy', 'run', '--json');
  await again.saw(/"url":"([^"]+)"/);
  assert.doesNotMatch(again.stderr(), /admin key/);
  assert.equal((await cli.run('key', 'list', '--json')).json<{ keys: unknown[] }>().keys.length, 1);
});

test('a missing or a weak first admin key stops the start', async (t) => {
  const file = join(makeCli(t).folder, 'admin-key');
  const cli = makeCli(t, { FLM_ADMIN_KEY_FILE: file });
  assertMistake(await cli.run('proxy', 'start', '--port', '0'), /admin-key cannot be read/);
  writeFileSync(file, 'password');
  assertMistake(await cli.run('proxy', 'start', '--port', '0'), /secret is a value that is not shown/);
});

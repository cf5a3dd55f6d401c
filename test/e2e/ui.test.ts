/** `flm ui`: the real command, its pages and its API. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';

interface Started {
  readonly url: string;
  readonly link: string;
}

test('flm ui serves its pages and, to the browser that opened its link, the admin API', async (t) => {
  const cli = makeCli(t);
  const running = cli.start('ui', '--json', '--no-open');
  const [text] = await running.saw(/^\{.*\}$/m);
  const { url, link }: Started = JSON.parse(text);
  const page = await fetch(url);
  assert.match(await page.text(), /<script type="module" src="page.js">/);
  for (const name of ['page.js', 'page.css']) assert.equal((await fetch(`${url}${name}`)).status, 200, name);
  const own = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
  const ticket = link.split('#ticket=')[1];
  const opened = await fetch(`${url}session/open`, {
    method: 'POST',
    headers: own,
    body: JSON.stringify({ ticket }),
  });
  const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
  const { token } = (await opened.json()) as { token: string };
  const headers = { ...own, cookie, 'x-flm-session': token };
  const made = await fetch(`${url}api/v1/keys`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ label: 'friend' }),
  });
  assert.equal(made.status, 201);
  assert.equal((await fetch(`${url}api/v1/keys`, { headers: { cookie } })).status, 403);
  assert.match((await cli.run('key', 'list')).stdout, /friend/);
  const { items } = (await (await fetch(`${url}api/v1/audit`, { headers })).json()) as {
    items: { actor: string }[];
  };
  assert.match(items[0]?.actor ?? '', /^ui:/);
  running.child.kill('SIGINT');
  await running.ended;
  await assert.rejects(fetch(url));
});

test('the pages are sent compressed and have less than 150 KB together', async (t) => {
  const cli = makeCli(t);
  const [text] = await cli.start('ui', '--json', '--no-open').saw(/^\{.*\}$/m);
  const { url }: Started = JSON.parse(text);
  for (const encoding of ['br', 'gzip']) {
    let bytes = 0;
    for (const name of ['', 'page.js', 'page.css']) {
      const { headers } = await fetch(`${url}${name}`, { headers: { 'accept-encoding': encoding } });
      assert.equal(headers.get('content-encoding'), encoding, name);
      bytes += Number(headers.get('content-length'));
    }
    t.diagnostic(`${encoding}: ${bytes} bytes`);
    assert(bytes > 0 && bytes < 150_000, `${encoding}: ${bytes} bytes`);
  }
});

test('flm ui opens the browser with a private file, and no secret is an argument of a program', async (t) => {
  const cli = makeCli(t);
  const seen = join(cli.folder, 'seen');
  writeFileSync(
    join(cli.programs, 'xdg-open'),
    `#!/bin/sh\necho "$@" > ${seen}.part; mv ${seen}.part ${seen}\n`,
    { mode: 0o755 },
  );
  const running = cli.start('ui');
  await running.saw(/Dashboard: /);
  const run = join(cli.home, 'run');
  const [name = ''] = readdirSync(run).filter((file) => file.endsWith('.html'));
  assert.equal(statSync(join(run, name)).mode & 0o777, 0o600);
  const [, ticket = ''] = /name="ticket" value="([^"]+)"/.exec(readFileSync(join(run, name), 'utf8')) ?? [];
  assert.equal(ticket.length, 43);
  assert.doesNotMatch(running.stdout(), /ticket=/);
  running.child.kill('SIGINT');
  await running.ended;
  assert.equal(existsSync(join(run, name)), false);
  if (existsSync(seen)) assert(!readFileSync(seen, 'utf8').includes(ticket));
});

test('flm ui says which port it cannot have', async (t) => {
  const cli = makeCli(t);
  const first = cli.start('ui', '--json', '--no-open');
  const [text] = await first.saw(/^\{.*\}$/m);
  const { port } = new URL((JSON.parse(text) as Started).url);
  const second = await cli.run('ui', '--port', port);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /already in use/);
  assert.match((await cli.run('ui', '--port', 'x')).stderr, /--port takes a number/);
});

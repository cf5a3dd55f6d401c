/** The line of `flm up` about engines that others can use without flm. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCli, type Ran } from '../helpers/cli.ts';
import { ollamaTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { noOwnAddress } from '../helpers/own-address.ts';

const exposed =
  /Others can use these engines without flm: ([^.]*)\. What they see, and how to close it: flm doctor/;

/** What the proxy itself has noticed already is not said twice. */
const said = ({ stdout, stderr }: Ran): boolean =>
  exposed.test(stderr) !== /Engine open itself answers on /.test(stdout);

test('a proxy that up starts gets one line about an open engine, and the next up leaves it to the proxy', {
  skip: noOwnAddress,
}, async (t) => {
  const cli = makeCli(t);
  const [open, closed] = [
    await startFakeEngine(ollamaTable, '0.0.0.0'),
    await startFakeEngine(ollamaTable, '127.0.0.1'),
  ];
  t.after(() => Promise.all([open.close(), closed.close()]));
  await cli.run('engine', 'add', `http://127.0.0.1:${open.port}`, '--id', 'open', '--kind', 'ollama');
  await cli.run('engine', 'add', closed.url, '--id', 'closed', '--kind', 'ollama');

  const first = await cli.run('up', '--detach', '--port', '0');
  assert.equal(first.code, 0, first.stderr);
  assert.ok(said(first), `${first.stdout}\n${first.stderr}`);
  assert.doesNotMatch(exposed.exec(first.stderr)?.[1] ?? '', /closed/);
  const askedFromOutside = (): number => open.asked.filter(({ path }) => path === '/invocations').length;
  const asked = askedFromOutside();
  assert.ok(asked > 0);

  const second = await cli.run('up');
  assert.doesNotMatch(second.stderr, exposed);
  const json = await cli.run('up', '--json');
  assert.equal(json.code, 0, json.stderr);
  assert.equal(askedFromOutside(), asked);
});

test('an up that finds no open engine says nothing about it', async (t) => {
  const cli = makeCli(t);
  const engine = await startFakeEngine(ollamaTable);
  t.after(() => engine.close());
  await cli.run('engine', 'add', engine.url, '--id', 'main', '--kind', 'ollama');

  const ran = await cli.run('up', '--detach', '--port', '0');

  assert.equal(ran.code, 0, ran.stderr);
  assert.doesNotMatch(ran.stderr, exposed);
});

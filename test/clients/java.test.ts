/**
 * Java programs with the HTTP client of the JDK, which offers an upgrade to h2c with each request over plain HTTP.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import process from 'node:process';
import { after, type TestContext, test } from 'node:test';
import { portOf, startProxyFor } from '../engines/tested-proxy.ts';
import type { TestCli } from '../helpers/cli.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { openTap, type Tap } from '../helpers/tap.ts';
import { langchain4jJars, needsJava, needsLangchain4j, type Outcome, runProgram } from './installed.ts';
import { loggedRequests } from './logged-requests.ts';
import { scriptedAnswer, scriptedModel, startScriptedEngine } from './scripted-engine.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

test(
  'the HTTP client of the JDK with its defaults gets every answer on one connection',
  needsJava,
  async (t) => {
    const { runJava, tap } = await openFixture(t);

    const ran = await runJava('HttpClientDefaults.java');

    assert.equal(ran.code, 0, ran.stderr);
    const [list = '', whole = '', streamed = ''] = ran.stdout.split('\n');
    assert.match(list, /^HTTP_1_1 200 .*"id":"scripted"/);
    assert.match(whole, /^HTTP_1_1 200 .*"content":"The answer is forty-two\."/);
    assert.match(streamed, /^HTTP_1_1 200 data: .*"content":"is forty".* data: \[DONE\]$/);
    const asked = tap.exchanges();
    assert.deepEqual(
      asked.map(({ method, target }) => `${method} ${target}`),
      ['GET /v1/models', 'POST /v1/chat/completions', 'POST /v1/chat/completions'],
    );
    // It really made the offer that a server may ignore.
    for (const { field } of asked) assert.equal(field('upgrade'), 'h2c');
    assert.equal(tap.connections, 1);
  },
);

test('LangChain4j with its default client chats, whole and streamed', needsLangchain4j, async (t) => {
  const { runJava, tap, cli } = await openFixture(t);

  const ran = await runJava('langchain4j/Chat.java', ['-cp', `${langchain4jJars}/*`]);

  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout, `${scriptedAnswer}\n[The answer ][is forty][-two.] 12\n`);
  for (const { field } of tap.exchanges()) assert.equal(field('upgrade'), 'h2c');
  const wanted = { path: '/v1/chat/completions', status: 200, keyLabel: 'everyday', ending: 'done' };
  assert.equal((await loggedRequests(cli, wanted, 2)).length, 2);
});

interface Fixture {
  readonly cli: TestCli;
  /** Between the program and flm. */
  readonly tap: Tap;
  /** Runs a file of this folder with base URL, key and model. */
  runJava(file: string, flags?: readonly string[]): Promise<Outcome>;
}

async function openFixture(t: TestContext): Promise<Fixture> {
  const engine = await startScriptedEngine(t);
  const { cli, proxy, key } = await startProxyFor(t, engine.url);
  const tap = await openTap(portOf(proxy.url));
  t.after(() => tap.close());
  return {
    cli,
    tap,
    runJava: (file, flags = []) =>
      runProgram(t, 'java', [...flags, join(import.meta.dirname, file), tap.url, key, scriptedModel], {
        cwd: cli.folder,
        env: { HOME: cli.folder, PATH: process.env.PATH ?? '' },
      }),
  };
}

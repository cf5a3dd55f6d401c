/**
 * Claude Code, Codex and Continue, set up with exactly what `flm connect` prints, get an answer through flm.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { after, type TestContext, test } from 'node:test';
import { startProxyFor, type TestedProxy } from '../engines/tested-proxy.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { agentPrograms, needsAgents, type Outcome, runProgram } from './installed.ts';
import { type LoggedRequest, loggedRequests } from './logged-requests.ts';
import { type ScriptedEngine, scriptedAnswer, startScriptedEngine } from './scripted-engine.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

const question = 'What is the answer? Reply in one sentence.';

test('Claude Code answers with the settings that are printed for it', needsAgents, async (t) => {
  const fixture = await openFixture(t);

  const told = await fixture.runAgent('claude-code', { claude: ['-p', question] });

  assert.equal(told.code, 0, told.stderr);
  assert.equal(told.stdout.trim(), scriptedAnswer);
  await fixture.logShows('/v1/messages');
  for (const { body } of fixture.engine.asked) assert.doesNotMatch(body, /x-anthropic-billing-header/);
});

test('Codex answers with the settings that are printed for it', needsAgents, async (t) => {
  const fixture = await openFixture(t);

  const told = await fixture.runAgent('codex', { codex: codexTurn });

  assert.equal(told.code, 0, told.stderr);
  assert.equal(told.stdout.trim(), scriptedAnswer);
  const requests = await fixture.logShows('/v1/responses');
  assert.equal(requests.length, 1);
});

test('Codex with WebSockets falls back to POST in the same turn', needsAgents, async (t) => {
  const fixture = await openFixture(t);

  const told = await fixture.runAgent('codex', { codex: codexTurn }, (text) =>
    text.replace('supports_websockets = false', 'supports_websockets = true'),
  );

  assert.equal(told.code, 0, told.stderr);
  assert.equal(told.stdout.trim(), scriptedAnswer);
  const requests = await fixture.logShows('/v1/responses');
  assert.deepEqual(
    requests.map(({ method, path, status }) => [method, path, status]),
    [
      ['GET', '/v1/responses', 426],
      ['POST', '/v1/responses', 200],
    ],
  );
});

test('Continue answers with the settings that are printed for it', needsAgents, async (t) => {
  const fixture = await openFixture(t);

  const told = await fixture.runAgent('continue', { cn: ['-p', question] });

  assert.equal(told.code, 0, told.stderr);
  assert.equal(told.stdout.trim(), scriptedAnswer);
  await fixture.logShows('/v1/chat/completions');
});

const codexTurn = ['exec', '--skip-git-repo-check', '--sandbox', 'read-only', question];

interface Fixture {
  readonly engine: ScriptedEngine;
  /** Follows what is printed for this client; `programs` says which arguments its program gets. */
  runAgent(
    client: string,
    programs: Readonly<Record<string, readonly string[]>>,
    edit?: (text: string) => string,
  ): Promise<Outcome>;
  /** The log shows a POST that the key was allowed and that the engine answered; returns all requests. */
  logShows(path: string): Promise<readonly LoggedRequest[]>;
}

async function openFixture(t: TestContext): Promise<Fixture> {
  const engine = await startScriptedEngine(t);
  const fixture = await startProxyFor(t, engine.url);
  return {
    engine,
    runAgent: async (client, programs, edit = (text) => text) => {
      const home = join(fixture.cli.folder, 'agent');
      const [program = '', args = []] = Object.entries(programs)[0] ?? [];
      const lines = [`${program}() { command ${program} ${args.map(quote).join(' ')}; }`];
      for (const { place, format, text } of await settings(fixture, client)) {
        if (format === 'sh') lines.push(text);
        else writeSettings(home, place, edit(text));
      }
      // Some snippets start the program themselves.
      if (lines.at(-1)?.split('\n').at(-1) !== program) lines.push(program);
      const env = { HOME: home, PATH: `${agentPrograms}:${process.env.PATH}`, FLM_API_KEY: fixture.key };
      mkdirSync(join(home, 'project'), { recursive: true });
      return runProgram(t, 'bash', ['-c', lines.join('\n')], { cwd: join(home, 'project'), env });
    },
    logShows: (path) =>
      loggedRequests(fixture.cli, {
        method: 'POST',
        path,
        status: 200,
        keyLabel: 'everyday',
        ending: 'done',
      }),
  };
}

interface Snippet {
  readonly place: string;
  readonly format: string;
  readonly text: string;
}

async function settings({ cli }: TestedProxy, client: string): Promise<readonly Snippet[]> {
  const ran = await cli.run('connect', client, '--json');
  const { snippets, warnings } = ran.json<{ snippets: readonly Snippet[]; warnings: readonly string[] }>();
  assert.deepEqual(warnings, []);
  return snippets;
}

/** The place of a file is printed as `~/...`. */
function writeSettings(home: string, place: string, text: string): void {
  const file = place.replace(/^~/, home);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`);
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

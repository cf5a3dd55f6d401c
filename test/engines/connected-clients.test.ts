/**
 * What `flm connect` prints, and `flm chat`, before real engines: settings that are pasted work.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { loopTrigger } from '../helpers/tiny-gguf.ts';
import { bothEngines, idle, startProxyFor } from './tested-proxy.ts';

const root = join(import.meta.dirname, '../..');
const before = takeStock();
after(() => assertNoLeaks(before));

interface Settings {
  readonly snippets: readonly { readonly format: string; readonly text: string }[];
  readonly warnings: readonly string[];
}

for (const [name, needs, start] of bothEngines) {
  test(`a question on the command line is answered by ${name}, with its usage`, needs, async (t) => {
    const engine = await start(t);
    const { cli } = await startProxyFor(t, engine.url);

    const ran = await cli.run('chat', engine.model, '-m', 'hi', '--json');

    assert.equal(ran.code, 0, ran.stderr);
    const { text, finishReason, usage } = ran.json<{
      text: string;
      finishReason: string;
      usage: { inputTokens: number; outputTokens: number };
    }>();
    assert.notEqual(text, '');
    assert.match(finishReason, /^(stop|length)$/);
    assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
  });

  test(`a chat that is stopped with Ctrl-C frees ${name}`, needs, async (t) => {
    const engine = await start(t);
    const flm = await startProxyFor(t, engine.url);
    const chat = flm.cli.start('chat', engine.model, '-m', loopTrigger);
    await chat.saw(/and\.\.\./);

    chat.child.kill('SIGINT');

    const { code, stderr } = await chat.ended;
    assert.deepEqual([code, stderr], [1, 'Interrupted.\n']);
    await idle(flm);
  });

  test(
    `the settings for curl and for JavaScript, as pasted, get an answer from ${name}`,
    needs,
    async (t) => {
      const engine = await start(t);
      const { cli, key } = await startProxyFor(t, engine.url);
      const settings = async (client: string): Promise<string> => {
        const ran = await cli.run('connect', client, '--key', key, '--model', engine.model, '--json');
        const { snippets, warnings } = ran.json<Settings>();
        assert.deepEqual(warnings, [], client);
        return snippets[0]?.text ?? '';
      };

      assert.match(await outputOf('sh', ['-c', await settings('curl')]), /"choices"/);
      for (const client of name === 'Ollama' ? ['vercel-ai', 'ollama-js'] : ['vercel-ai']) {
        const program = await settings(client);
        const told = await outputOf(process.execPath, ['--input-type=module', '-e', program]);
        assert.notEqual(told.trim(), '', client);
      }
    },
  );
}

/** From the repository, where the packages are. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let talk = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (output += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (talk += piece));
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  assert.equal(code, 0, talk);
  return output;
}

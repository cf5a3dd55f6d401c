/** Every command that a message of flm advises is one that its command line takes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { silentCli } from '../../test/helpers/silent-cli.ts';
import { routeIds, scopes } from '../core/engine/routes.ts';
import { type ErrorCode, errorHint, errorTable } from '../core/errors.ts';
import { parseKeyRequest } from '../core/security/key-request.ts';
import { makeProgram } from './program.ts';

const sources = join(import.meta.dirname, '..');

/** What stands for a value in a message, and a value of that kind. */
const samples: Readonly<Record<string, string>> = { command: '', message: '', N: '8484', verb: 'pause' };

/** `flm key create LABEL --scope {scope}` as somebody types it. */
function typed(advice: string): readonly string[] {
  return advice
    .replaceAll(/\$?\{([^}]*)\}/g, (_, name: string) => samples[name] ?? 'x')
    .replaceAll(/\b[A-Z][A-Z_-]*\b/g, (name) => samples[name] ?? 'x')
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '...');
}

function withoutActions(command: Command): Command {
  for (const sub of command.commands) withoutActions(sub);
  // `flm share` has commands and does something itself.
  const isGroup = command.commands.length > 0 && command.registeredArguments.length === 0;
  return isGroup ? command : command.action(() => {});
}

/** What the command line says of it; undefined where it takes it. */
async function refusalOf(advice: string, where: string): Promise<string | undefined> {
  try {
    await withoutActions(makeProgram(silentCli())).parseAsync([...typed(advice)], { from: 'user' });
  } catch (error) {
    // A group alone, and --help, print help.
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const helps = code.startsWith('commander.help') || code === 'commander.version';
    return helps ? undefined : `${where} advises \`flm ${advice}\`: ${String(error)}`;
  }
  return undefined;
}

/** Sentences that begin with the name of the program, and names of connections to PostgreSQL, are no commands. */
const sentences = /^(is|local) |^(db|proxy) \$\{nodeName\}$/;

function advisedIn(text: string): readonly string[] {
  return [...text.matchAll(/`flm ([a-z-][^`]*?)\\?`/g)]
    .map(([, advice]) => advice ?? '')
    .filter((advice) => !sentences.test(advice));
}

test('every hint of the error table advises commands that the command line takes', async () => {
  const refused: (string | undefined)[] = [];
  for (const [code, { text, hint }] of Object.entries(errorTable)) {
    for (const advice of advisedIn(`${text} ${hint}`)) {
      refused.push(await refusalOf(advice, code));
    }
  }
  assert.deepEqual(
    refused.filter((said) => said !== undefined),
    [],
  );
  assert.ok(refused.length > 20);
});

test('every command that stands in a text of the program is one that the command line takes', async () => {
  const refused: (string | undefined)[] = [];
  for (const name of readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    const text = readFileSync(join(sources, name), 'utf8')
      .replaceAll(/\/\*.*?\*\//gs, '')
      .replaceAll(/^\s*\/\/.*$/gm, '');
    for (const advice of advisedIn(text)) {
      refused.push(await refusalOf(advice, name));
    }
  }
  assert.deepEqual(
    refused.filter((said) => said !== undefined),
    [],
  );
  assert.ok(refused.length > 60, `${refused.length} were found`);
});

test('the key that a refusal advises to make can be made, for every scope and every endpoint', async () => {
  const advised = (code: ErrorCode, params: Readonly<Record<string, string>>): string =>
    advisedIn(errorHint(code, params))[0] ?? '';
  for (const scope of scopes) {
    const advice = advised('SCOPE_MISSING', { scope });
    assert.equal(await refusalOf(advice, 'SCOPE_MISSING'), undefined);
    assert.deepEqual(parseKeyRequest({ label: 'x', scopes: [advice.split(' ').at(-1)] }, 0).scopes, [scope]);
  }
  for (const route of routeIds) {
    const advice = advised('ENDPOINT_DENIED', { route });
    assert.equal(await refusalOf(advice, 'ENDPOINT_DENIED'), undefined);
    assert.deepEqual(parseKeyRequest({ label: 'x', endpoints: [advice.split(' ').at(-1)] }, 0).endpoints, [
      route,
    ]);
  }
});

/**
 * Walks every command in Japanese: its help, and its output where it can run here. A leftover English sentence fails;
 * so does a command that no walk visits. JSON is the same in both languages.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { useLanguage } from '../../src/cli/i18n/texts.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { englishLeftovers } from '../helpers/english-leftovers.ts';
import { llamacppTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { silentCli } from '../helpers/silent-cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';

const anyJapanese = /[\u3040-\u30ff\u4e00-\u9fff]/;

interface Visited {
  readonly path: string;
  readonly command: Command;
}

function commandsOf(command: Command, path: readonly string[] = []): readonly Visited[] {
  const own = path.length === 0 ? [] : [{ path: path.join(' '), command }];
  return [...own, ...command.commands.flatMap((sub) => commandsOf(sub, [...path, sub.name()]))];
}

/** Commands that do something themselves. */
const leaves = (): readonly string[] =>
  commandsOf(makeProgram(silentCli()))
    .filter(({ command }) => command.commands.length === 0 || command.registeredArguments.length > 0)
    .map(({ path }) => path);

/** Not run in Japanese, with the reason. */
const apart: ReadonlyMap<string, string> = new Map([
  ['proxy run', 'its output is the log, which is English'],
  ['service install', 'changes the machine; the dry run needs systemd'],
]);

const japaneseLocale = { LANG: 'ja_JP.UTF-8' };

interface Run {
  readonly args: string;
  readonly code: number;
  /** Standard output is data: settings, a schema, a log, the answer of a model. */
  readonly data: boolean;
}

const run = (args: string): Run => ({ args, code: 0, data: false });
const fails = (args: string): Run => ({ args, code: 1, data: false });
const prints = (args: string): Run => ({ args, code: 0, data: true });

/** Returns what is English, and what ended in another way. */
async function leftoversOf(
  cli: TestCli,
  { args, code, data }: Run,
  values: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const ran = await cli.run(...args.split(' ').map((word) => values[word] ?? word));
  const left = englishLeftovers(data ? ran.stderr : `${ran.stdout}\n${ran.stderr}`);
  const wrong =
    ran.code !== code || (code !== 0 && !/^(?:エラー: .*\n.*(?:。|`|: )|使い方: )/m.test(ran.stderr))
      ? [ran.stderr]
      : [];
  return [...left, ...wrong].map((line) => `${args}: ${line}`);
}

const lines = (text: string): readonly string[] => text.trim().split(/\s*\n\s*/);

/** On a machine without anything, and what empty views say. */
const empty = lines(`
  status
  proxy status
  key list
  share list
  engine list
  engine detect
  profile list
  model list
  usage
  policy show
  retention
  db status
  db migrate
  db key create store.key
  backup list
  backup schedule show
  backup key create backup.key
  connect
  help
  help key create
  version
  cert show
  upgrade
  explain KEY_NOT_FOUND
  explain ENGINE_TIMEOUT
  explain PROXY_PORT_IN_USE
  uninstall --dry-run
  top
  proxy logs
  cert renew
`).map(run);

const mistakes = lines(`
  nosuch
  key
  key nosuch
  key create
  key list --nosuch
  key show nosuch
  key create x --rpm 0 --expires never --ip x
  status a b
  status x
  usage --days
  usage --by nonsense
  retention --daily-days 0
  requests
  requests recent
  requests cancel abc
  tail
  chat -m x
  connect nosuch
  share revoke nosuch
  engine test nosuch
  engine add nonsense://x
  policy set --rpm many
  policy set --file nosuch
  profile show nosuch
  profile save X --port 1
  profile import nosuch
  apply -f nosuch
  explain nosuch
  completion tcsh
  backup create
  backup verify nosuch
  backup restore nosuch
  backup schedule daily
  db copy
  db copy --from sqlite --to postgres
  proxy stop
  proxy restart
  proxy logs nosuch
  proxy start --mode x --bind nowhere --port 70000
  proxy start --mode https-acme --port 0
  proxy start --bind 0.0.0.0 --port 0
  cert export /nosuch/x
  upgrade --to nosuch
`).map(fails);

test('the help of every command is Japanese: what it does, its arguments and its options', async (t) => {
  await useLanguage('ja');
  t.after(() => useLanguage('en'));
  const left: string[] = [];
  for (const { path, command } of commandsOf(makeProgram(silentCli()))) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    // The usage and the examples are commands.
    const prose = help
      .replace(/^使い方: .*$/m, '')
      .replace(/^例:\n(?: {2}.*\n?)*/m, '')
      .replaceAll(/^ {2}\S.*? {2,}/gm, '');
    for (const line of englishLeftovers(prose)) left.push(`${path}: ${line}`);
    for (const { flags, description, hidden } of command.options)
      if (!hidden && !anyJapanese.test(description)) left.push(`${path} ${flags}: ${description}`);
    if (!anyJapanese.test(command.description())) left.push(`${path}: ${command.description()}`);
  }
  assert.deepEqual(left, []);
});

/** With an engine, a proxy, keys and requests. One after the other. */
const busy: readonly Run[] = [
  run('profile save lab --port 0 --demo'),
  run('profile show lab'),
  run('profile list'),
  run('engine add URL --id main'),
  run('proxy start lab'),
  fails('proxy start lab'),
  run('up lab'),
  run('status'),
  run('doctor'),
  run('audit'),
  run('audit --until 7d'),
  run('audit verify'),
  fails('audit --since yesterday'),
  fails('audit --limit 0'),
  fails('audit verify --head x'),
  run('status lab'),
  run('proxy status lab'),
  run('key create anna --rpm 10 --expires 90d --owner anna --model q*'),
  run('key import people.csv'),
  run('key list'),
  run('key show anna'),
  run('key set anna --rpm 20'),
  run('key pause anna'),
  run('key resume anna'),
  run('key rotate anna --overlap 1h'),
  run('key revoke ben'),
  run('key list --state revoked'),
  run('key delete ben --yes'),
  run('share carl --no-wait --rpm 5'),
  run('share list'),
  run('share revoke carl'),
  run('policy set --rpm 100 --deny-ip 192.0.2.1'),
  run('policy show'),
  run('policy check --ip 192.0.2.1'),
  run('policy check --ip 127.0.0.1 --key anna --model nosuch'),
  fails('policy set --allow-ip 192.0.2.9'),
  fails('policy set --file wrong.yaml'),
  prints('policy export'),
  prints('policy schema'),
  run('engine list'),
  run('engine test main --embeddings m'),
  run('engine set main --slots 2'),
  run('engine add 127.0.0.1:1'),
  run('model list'),
  run('model alias fast nosuch'),
  run('model unalias fast'),
  run('requests'),
  run('requests recent'),
  run('usage --by key'),
  run('explain REFUSED'),
  prints('chat -m こんにちは'),
  prints('connect codex'),
  prints('connect open-webui --model nosuch'),
  prints('profile export lab'),
  prints('profile schema'),
  prints('export'),
  prints('completion bash'),
  run('retention --hourly-days 20'),
  prints('proxy logs lab'),
  run('backup create --plaintext'),
  run('backup list'),
  run('backup schedule daily --plaintext'),
  run('backup schedule show'),
  run('backup schedule off'),
  run('proxy restart lab'),
  run('proxy stop lab'),
  prints('cert export'),
  run('cert authority renew --yes'),
  run('cert show'),
  fails('cert trust'),
  run('engine remove main'),
  run('profile delete lab --yes'),
];

/** What they print when they have begun; Ctrl-C ends them. */
const lasting: readonly string[] = ['tail', 'ui --no-open', 'share dora', 'cert trust --device'];

/** Their exit status depends on whether systemd runs on this machine. */
const ofSystemd: readonly string[] = ['service status', 'service logs', 'service uninstall --dry-run'];

const timeout = 300_000;

test('without a proxy, every command says what is missing or wrong in Japanese', { timeout }, async (t) => {
  const cli = makeCli(t, japaneseLocale);
  const left: (readonly string[])[] = [];
  const all = [...empty, ...mistakes];
  for (let at = 0; at < all.length; at += 4)
    left.push(...(await Promise.all(all.slice(at, at + 4).map((one) => leftoversOf(cli, one)))));
  for (const args of ofSystemd) {
    const { stdout, stderr } = await cli.run(...args.split(' '));
    left.push(englishLeftovers(`${stdout}\n${stderr}`).map((line) => `${args}: ${line}`));
  }
  assert.deepEqual(left.flat(), []);
});

test('with a proxy, every command that runs here tells what it does in Japanese', { timeout }, async (t) => {
  const cli = makeCli(t, japaneseLocale);
  const engine = await startFakeEngine({
    ...llamacppTable,
    '/v1/embeddings': { body: { data: [{ embedding: [1] }] } },
    '/v1/chat/completions': {
      fields: { 'content-type': 'text/event-stream' },
      body: 'data: {"choices":[{"delta":{"content":"はい"}}]}\n\ndata: [DONE]\n\n',
    },
  });
  t.after(() => engine.close());
  writeFileSync(join(cli.folder, 'people.csv'), 'label,owner\nben,ben\n');
  writeFileSync(join(cli.folder, 'wrong.yaml'), 'allowIps: [x]\nport: many\n');
  const values: Record<string, string> = { URL: engine.url };
  const left: string[] = [];
  for (const one of busy) {
    left.push(...(await leftoversOf(cli, one, values)));
    if (one.args !== 'up lab') continue;
    const { proxies } = (await cli.run('status', '--json')).json<{ proxies: readonly { url: string }[] }>();
    const refused = await fetch(`${proxies[0]?.url}/v1/models`);
    values.REFUSED = refused.headers.get('x-request-id') ?? '';
  }
  assert.deepEqual(left, []);
});

test('commands that last say in Japanese what they wait for', { timeout }, async (t) => {
  const cli = makeCli(t, japaneseLocale);
  await startProxy(cli, '--demo');
  const left: string[] = [];
  for (const args of lasting) {
    const running = cli.start(...args.split(' '));
    await Promise.race([running.saw(/[。:：]\s/), running.saw(/[。:：]\s/, 'stderr')]);
    running.child.kill('SIGINT');
    const { stdout, stderr } = await running.ended;
    left.push(...englishLeftovers(`${stdout}\n${stderr}`).map((line) => `${args}: ${line}`));
  }
  assert.deepEqual(left, []);
});

test('every command of the program is among those that were looked at in Japanese', () => {
  const visited = [...empty, ...mistakes, ...busy].map(({ args }) => args).concat(lasting, ofSystemd);
  const unvisited = leaves().filter(
    (path) => !apart.has(path) && !visited.some((args) => args === path || args.startsWith(`${path} `)),
  );
  assert.deepEqual(unvisited, []);
});

/** Numbers, times and ids differ between two calls. */
const steady = (text: string): string =>
  text.replaceAll(/"[^"]*\d{4}-\d\d-\d\dT[^"]*"/g, '""').replaceAll(/\d+(?:\.\d+)?/g, '0');

test('JSON and CSV are the same in both languages, errors too', { timeout }, async (t) => {
  const english = makeCli(t);
  const { home } = english;
  const japanese = makeCli(t, { ...japaneseLocale, FLM_HOME: home });
  await startProxy(english, '--demo');
  await english.run('key', 'create', 'anna', '--rpm', '5');
  await english.run('profile', 'save', 'lab', '--port', '0');
  const asked = lines(`
    status --json
    doctor --json
    audit --json
    audit --csv
    audit verify --json
    key list --json
    key list --csv
    key show anna --json
    share list --json
    policy show --json
    policy check --ip 192.0.2.1 --json
    engine list --json
    model list --json
    requests --json
    requests recent --json
    usage --json
    usage --csv
    profile list --json
    profile show lab --json
    connect --json
    connect codex --json
    cert show --json
    retention --json
    explain QUEUE_FULL --json
    export --json
    version --json
    uninstall --dry-run --json
    key show nosuch --json
    key create x --rpm 0 --json
    key list --nosuch --json
    nosuch --json
    profile save X --port 1 --json
    engine test 127.0.0.1:1 --json
  `);
  for (const args of asked) {
    const [one, other] = await Promise.all([
      english.run(...args.split(' ')),
      japanese.run(...args.split(' ')),
    ]);
    assert.equal(steady(other.stdout), steady(one.stdout), args);
    assert.equal(steady(other.stderr), steady(one.stderr), args);
    assert.notEqual(one.stdout + one.stderr, '', args);
  }
});

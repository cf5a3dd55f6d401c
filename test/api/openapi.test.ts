/**
 * The OpenAPI document against the live admin API of `flm ui`: Schemathesis sends requests of its own for every
 * operation and checks each response against the document; Redocly checks the document itself.
 *
 * Runs only when named. `FLM_TEST_SCHEMATHESIS` and `FLM_TEST_REDOCLY` are the programs, which `.ci/run` installs.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { ollamaTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const file = join(import.meta.dirname, '../../docs/schema/admin-api.openapi.json');
const document: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
} = JSON.parse(readFileSync(file, 'utf8'));

/** They need ids and models that exist only in this run, or never end; this test sends them itself. */
const ownRequests = ['cancelRequest', 'chat', 'revokeShare', 'watchRequests'];

interface Ended {
  readonly code: number;
  readonly output: string;
}

function run(program: string, args: readonly string[], cwd = import.meta.dirname): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, PYTHONUTF8: '1' } };
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code) || 1, output: `${stdout}${stderr}` });
    });
  });
}

interface Api {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  call(method: string, path: string, body?: object): Promise<Response>;
}

/** Signs in to the real `flm ui`, as its page does. */
async function signedIn(cli: TestCli): Promise<Api> {
  const running = cli.start('ui', '--json', '--no-open');
  const [text] = await running.saw(/^\{.*\}$/m);
  const { url, link }: { url: string; link: string } = JSON.parse(text);
  const own = { 'sec-fetch-site': 'same-origin' };
  const opened = await fetch(`${url}session/open`, {
    method: 'POST',
    headers: { ...own, 'content-type': 'application/json' },
    body: JSON.stringify({ ticket: link.split('#ticket=')[1] }),
  });
  const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
  const { token } = (await opened.json()) as { token: string };
  const headers = { ...own, cookie, 'x-flm-session': token };
  return {
    url: new URL(url).origin,
    headers,
    call: (method, path, body) =>
      fetch(`${url}api/v1${path}`, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  };
}

/** Makes what the examples of the document name. */
async function prepared(t: TestContext) {
  const engine = await startFakeEngine({ ...ollamaTable, '/v1/chat/completions': { hangs: true } });
  t.after(() => engine.close());
  const other = await startFakeEngine(ollamaTable);
  t.after(() => other.close());
  const cli = makeCli(t);
  const keys = new Map<string, string>();
  for (const label of ['laptop', 'old-laptop', 'lost-phone', 'tablet'])
    keys.set(label, (await createKey(cli, label)).key);
  for (const args of [
    ['engine', 'add', engine.url, '--id', 'box'],
    ['engine', 'add', other.url, '--id', 'old-box'],
    ['model', 'alias', 'fast', 'a'],
    ['model', 'alias', 'old-name', 'b'],
    ['profile', 'save', 'lab', '--grace', '10'],
    ['profile', 'save', 'old-lab', '--grace', '10'],
    ['cert', 'export'],
  ]) {
    const { code, stderr } = await cli.run(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  }
  const proxy = await startProxy(cli);
  return { cli, proxy, key: keys.get('laptop') ?? '' };
}

function operationOf(method: string, path: string): string | undefined {
  const found = Object.entries(document.paths).flatMap(([template, operations]) => {
    const pattern = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    const operation = operations[method.toLowerCase()];
    return operation !== undefined && pattern.test(path) ? [{ template, operation }] : [];
  });
  const exact = found.find(({ template }) => !template.includes('{'));
  return (exact ?? found[0])?.operation.operationId;
}

test('each operation of the admin API reaches success, answers with no server error and nothing undocumented', {
  skip: process.env.FLM_TEST_SCHEMATHESIS === undefined && 'Schemathesis is not installed',
}, async (t) => {
  const { cli, proxy, key } = await prepared(t);
  const api = await signedIn(cli);
  const reached = new Set<string>();

  // A request that the engine holds, to be cancelled; a link, to be revoked; the stream of events.
  const held = fetch(`${proxy.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'qwen3:latest', messages: [{ role: 'user', content: 'x' }] }),
  });
  const { items } = await eventually(
    async () => (await (await api.call('GET', '/requests')).json()) as { items: { id: string }[] },
    (seen) => seen.items.length === 1,
  );
  const cancelled = await api.call('POST', `/requests/${items[0]?.id}/cancel`);
  if (cancelled.status === 200) reached.add('cancelRequest');
  await (await held).text();
  const share = (await (await api.call('POST', '/shares', { label: 'guest' })).json()) as { id: string };
  if ((await api.call('GET', `/shares/${share.id}`)).status === 200) reached.add('getShare');
  if ((await api.call('DELETE', `/shares/${share.id}`)).status === 204) reached.add('revokeShare');
  const events = await api.call('GET', '/requests/events');
  if (events.headers.get('content-type')?.startsWith('text/event-stream') === true)
    reached.add('watchRequests');
  await events.body?.cancel();
  const messages = [{ role: 'user', content: 'x' }];
  const chat = await api.call('POST', '/chat', { model: 'qwen3:latest', messages });
  if (chat.headers.get('content-type')?.startsWith('text/event-stream') === true) reached.add('chat');
  await chat.body?.cancel();

  const report = join(cli.folder, 'report.har');
  const args = [
    'run',
    file,
    '--url',
    api.url,
    ...Object.entries(api.headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    '--checks',
    'not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance',
    '--phases',
    'examples,coverage,fuzzing',
    '--max-examples',
    process.env.FLM_TEST_EXAMPLES ?? '4',
    '--exclude-operation-id',
    'watchRequests',
    // A run of CI must not fail by chance; other seeds are for runs by hand.
    ...(process.env.FLM_TEST_SEED === undefined
      ? ['--generation-deterministic']
      : ['--seed', process.env.FLM_TEST_SEED]),
    '--suppress-health-check',
    'all',
    '--warnings',
    'off',
    '--continue-on-failure',
    '--report',
    'har',
    '--report-har-path',
    report,
    '--no-color',
  ];
  // It writes what it found into its working folder.
  const { code, output } = await run(process.env.FLM_TEST_SCHEMATHESIS ?? '', args, cli.folder);
  if (process.env.FLM_TEST_REPORT !== undefined) copyFileSync(report, process.env.FLM_TEST_REPORT);
  assert.equal(code, 0, output);
  const {
    log,
  }: { log: { entries: { request: { method: string; url: string }; response: { status: number } }[] } } =
    JSON.parse(readFileSync(report, 'utf8'));
  for (const { request, response } of log.entries) {
    const id = operationOf(request.method, new URL(request.url).pathname);
    if (id !== undefined && response.status >= 200 && response.status < 300) reached.add(id);
  }
  const all = Object.values(document.paths).flatMap((operations) =>
    Object.values(operations).map(({ operationId }) => operationId),
  );
  assert.deepEqual(
    all.filter((id) => !reached.has(id)),
    [],
    'operations without a successful response',
  );
  assert(log.entries.length > all.length - ownRequests.length);
});

test('the OpenAPI document has no fault that Redocly finds', {
  skip: process.env.FLM_TEST_REDOCLY === undefined && 'Redocly is not installed',
}, async () => {
  const config = join(import.meta.dirname, 'redocly.yaml');
  const { code, output } = await run(process.env.FLM_TEST_REDOCLY ?? '', ['lint', file, '--config', config]);
  assert.equal(code, 0, output);
});

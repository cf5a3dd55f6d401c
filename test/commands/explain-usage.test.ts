import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { type FakeTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

/** One model that tells what it used, and one that does not. */
function engineTable(usage: object | undefined): FakeTable {
  return {
    '/v1/models': { body: { object: 'list', data: [{ id: 'small', object: 'model' }] } },
    '/v1/chat/completions': {
      body: {
        id: 'c',
        object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content: 'Good day.' }, finish_reason: 'stop' }],
        ...(usage === undefined ? {} : { usage }),
      },
    },
  };
}

async function running(t: TestContext, usage?: object) {
  const cli = makeCli(t);
  const engine = await startFakeEngine(engineTable(usage));
  t.after(() => engine.close());
  const { url, id } = await startProxy(cli, '--engine', engine.url);
  const key = await createKey(cli, 'laptop');
  const ask = (secret: string, model = 'small'): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello there.' }] }),
    });
  return { cli, id, key, ask };
}

interface Usage {
  readonly usage: readonly {
    readonly key?: { readonly id: string; readonly label: string | null };
    readonly model?: string;
    readonly day?: string;
    readonly requests: number;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly estimatedRequests: number;
  }[];
  readonly total: Usage['usage'][number];
}

/** Usage is written a moment after the answer; each look is a whole command, so this does not spin. */
async function usageWith(cli: TestCli, requests: number, ...flags: readonly string[]): Promise<Usage> {
  for (;;) {
    const usage = (await cli.run('usage', ...flags, '--json')).json<Usage>();
    if (usage.total.requests >= requests) return usage;
  }
}

test('usage counts requests and tokens by key, model and day', async (t) => {
  const { cli, key, ask } = await running(t, { prompt_tokens: 11, completion_tokens: 4, total_tokens: 15 });
  await (await ask(key.key)).text();
  await (await ask(key.key)).text();

  const byKey = await usageWith(cli, 2);
  const counts = { requests: 2, inputTokens: 22, outputTokens: 8, estimatedRequests: 0 };
  const countsOf = ({ requests, inputTokens, outputTokens, estimatedRequests }: Usage['usage'][number]) => ({
    requests,
    inputTokens,
    outputTokens,
    estimatedRequests,
  });
  assert.deepEqual(
    byKey.usage.map((line) => [line.key, countsOf(line)]),
    [[{ id: key.id, label: 'laptop' }, counts]],
  );
  assert.deepEqual(countsOf(byKey.total), counts);
  const byModel = (await usageWith(cli, 2, '--by', 'model,engine', '--by', 'hour')).usage;
  assert.deepEqual(
    byModel.map((line) => [line.model, countsOf(line)]),
    [['small', counts]],
  );
  assert.equal((await usageWith(cli, 2, '--key', 'laptop', '--ending', 'done')).total.requests, 2);
  assert.equal((await usageWith(cli, 0, '--ending', 'refused')).total.requests, 0);
  const [day] = (await usageWith(cli, 2, '--by', 'day', '--days', '2')).usage;
  assert.match(day?.day ?? '', /^\d{4}-\d{2}-\d{2}$/);

  const text = await cli.run('usage');
  assert.match(
    text.stdout,
    /^KEY +REQUESTS +TOKENS IN +TOKENS OUT +TOKENS\nlaptop \(key_\w+\) +2 +22 +8 +30\n$/,
  );
  await cli.run('key', 'delete', key.id, '--yes');
  assert.match((await cli.run('usage')).stdout, new RegExp(`^${key.id} \\(gone\\) `, 'm'));
});

test('tokens that flm had to guess carry a mark', async (t) => {
  const { cli, key, ask } = await running(t);
  await (await ask(key.key)).text();

  assert.equal((await usageWith(cli, 1)).usage[0]?.estimatedRequests, 1);
  const text = await cli.run('usage', '--by', 'model');
  assert.match(text.stdout, /^small +1 +~\d+ +~\d+ +~\d+$/m);
  assert.match(text.stderr, /~ is an estimate/);
});

test('usage refuses days that are none', async (t) => {
  const cli = makeCli(t);

  assertMistake(await cli.run('usage', '--from', '2026-02-30'), /--from takes a day/);
  assertMistake(await cli.run('usage', '--days', '0'), /--days takes a number/);
  assertMistake(await cli.run('usage', '--days', '1', '--from', '2026-01-01'), /not both/);
  assertMistake(
    await cli.run('usage', '--by', 'colour'),
    /--by takes key, model, engine, ending, hour, day, month, or several of them, not colour/,
  );
  assertMistake(await cli.run('usage', '--by', 'day,hour'), /one of hour, day and month, not day and hour/);
  assertMistake(await cli.run('usage', '--key', 'nobody'), /There is no key nobody/);
  assertMistake(await cli.run('usage', '--ending', 'well'), /--ending takes done, .*, not well/);
  assertMistake(await cli.run('usage', '--time-zone', 'Mars'), /IANA name such as Europe\/Berlin, not Mars/);
  assertMistake(
    await cli.run('usage', '--from', '2026-02-01', '--to', '2026-01-01'),
    /--from must be before --to/,
  );
  assertMistake(await cli.run('usage', '--by', 'hour', '--days', '200'), /use --by day/);
  assert.match((await cli.run('usage')).stdout, /^No usage since/);
});

test('an error is explained from the table', async (t) => {
  const cli = makeCli(t);

  const text = await cli.run('explain', 'PROXY_PORT_IN_USE');
  const client = await cli.run('explain', 'auth_missing', '--json');

  assert.match(text.stdout, /^PROXY_PORT_IN_USE +Port PORT on ADDRESS is already in use\.$/m);
  assert.match(text.stdout, /^to fix it +Choose another port with --port N/m);
  assert.match(text.stdout, /^exit status +1 /m);
  const { code, status, apiCode } = client.json<{ code: string; status: number; apiCode: string }>();
  assert.deepEqual([code, status, apiCode], ['AUTH_MISSING', 401, 'invalid_api_key']);
  assertMistake(await cli.run('explain', '426'), /the codes of status 426 are UPGRADE_REQUIRED\./);
  assertMistake(await cli.run('explain', 'AUTH_MISING'), /named AUTH_MISING; similar: AUTH_MISSING\./);
});

test('a refused request is explained by the proxy that refused it', async (t) => {
  const { cli, id, key, ask } = await running(t);
  const unknownModel = await ask(key.key, 'smal');
  const noKey = await ask('flm_nonsense');
  const requestId = unknownModel.headers.get('x-request-id') ?? '';

  const text = await cli.run('explain', requestId);
  const json = await cli.run('explain', requestId, '--json');
  const login = await cli.run('explain', noKey.headers.get('x-request-id') ?? '');

  assert.match(text.stdout, /^request +POST \/v1\/chat\/completions from 127\.0\.0\.1$/m);
  assert.match(text.stdout, new RegExp(`^refused .* by ${id} with status 404$`, 'm'));
  assert.match(text.stdout, /^key +key_\w+ \(laptop\)$/m);
  assert.match(text.stdout, /^error +MODEL_UNKNOWN: /m);
  const document = json.json<{ code: string; proxy: string; request: { keyId: string; status: number } }>();
  assert.deepEqual(
    [document.code, document.proxy, document.request.keyId, document.request.status],
    ['MODEL_UNKNOWN', id, key.id, 404],
  );
  assert.match(login.stdout, /^error +AUTH_MISSING: /m);
  assert.ok(!login.stdout.includes('flm_nonsense'));
});

test('a request that is no longer known is reported as such', async (t) => {
  assertMistake(await makeCli(t).run('explain', 'px_none-1'), /no remembered refusal named px_none-1/);
});

test('retention is shown and changed, and the audit says who did it', async (t) => {
  const cli = makeCli(t);
  const kept = (await cli.run('retention', '--json')).json<Record<string, number>>();
  assert.deepEqual(kept, { hourlyDays: 90, dailyDays: 1096, auditDays: 366 });
  const changed = await cli.run('retention', '--hourly-days', '30');
  assert.match(changed.stdout, /^usage by the hour +30$/m);
  assert.deepEqual((await cli.run('retention', '--json')).json(), { ...kept, hourlyDays: 30 });
  assertMistake(
    await cli.run('retention', '--daily-days', '7'),
    /--daily-days is 7; .* from 30 \(hourlyDays\) to/,
  );
  assertMistake(await cli.run('retention', '--audit-days', 'x'), /whole number, not x/);
});

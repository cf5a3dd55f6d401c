/** A clock of the machine that jumps by hours and back, as after a wrong date or a virtual machine that was paused. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { fakeTime, noFakeTime } from '../helpers/fake-time.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { chat } from '../long/soak/outcomes.ts';
import { ScriptedEngine } from '../long/soak/scripted-engine.ts';

const dayMs = 86_400_000;
const hour = 3_600;

test('a clock that jumps ahead and back loses no key and no usage, and returns no used budget', {
  skip: noFakeTime,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-clock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = fakeTime(join(folder, 'clock')) ?? assert.fail();
  // From noon on: the jumps stay within one day.
  const noon = Math.round((dayMs / 2 - (Date.now() % dayMs)) / 1_000);
  clock.move(noon);
  const cli = makeCli(t, clock.env);
  const engine = await ScriptedEngine.start('m');
  t.after(() => engine.close());
  const always = await createKey(cli, 'always');
  const short = await createKey(cli, 'short', '--expires', '2h');
  const spent = await createKey(cli, 'spent', '--tokens-per-day', '7');
  const { pid, url } = await startProxy(cli, '--engine', engine.url);
  const json = async ({ key }: { key: string }): Promise<number> => {
    const outcome = await chat({ url }, { key, model: 'm', script: 'json' });
    return outcome.kind === 'whole' ? 200 : 'status' in outcome ? outcome.status : assert.fail(outcome.kind);
  };
  const all = async (): Promise<readonly number[]> => [
    await json(always),
    await json(short),
    await json(spent),
  ];
  assert.deepEqual(await all(), [200, 200, 200]);

  const seen: (readonly number[])[] = [];
  for (const [offset, expired] of [
    [3 * hour, true],
    [-3 * hour, false],
    [0, false],
  ] as const) {
    clock.move(noon + offset);
    await eventually(
      () => json(short),
      (status) => (status === 401) === expired,
    );
    seen.push(await all());
  }
  assert.deepEqual(seen, [
    [200, 401, 429],
    [200, 200, 429],
    [200, 200, 429],
  ]);
  const to = new Date(Date.now() + 2 * dayMs).toISOString().slice(0, 10);
  const used = async (): Promise<number> =>
    (await cli.run('usage', '--key', always.id, '--to', to, '--json')).json<{ total: { requests: number } }>()
      .total.requests;
  // Requests of an hour that has not come yet are stored for that hour.
  assert.equal(await eventually(used, (requests) => requests >= 4), 4);
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{ proxies: { pid: number }[] }>();
  assert.deepEqual(
    proxies.map((proxy) => proxy.pid),
    [pid],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { parseAddress } from '../core/security/address-rules.ts';
import { intervalMs, LogQuota } from './log-quota.ts';
import { createLogger } from './logger.ts';

function make() {
  const clock = new MovedClock();
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const quota = new LogQuota(createLogger({ destination, level: 'info' }), clock);
  const said = (): unknown[] => lines.splice(0).map(({ msg }) => msg);
  return { clock, quota, lines, said };
}

function address(text: string) {
  const found = parseAddress(text);
  assert.ok(found !== undefined);
  return found;
}

/** How many of so many lines about this address are whole. */
function whole(
  quota: LogQuota,
  client: string,
  count: number,
  kind: 'refused' | 'keyless' = 'refused',
): number {
  let taken = 0;
  for (let i = 0; i < count; i++) if (quota.ofAddress(kind, address(client))) taken += 1;
  return taken;
}

test('the first five refusals of an address and minute are whole, the others one line', async () => {
  const { clock, quota, said, lines } = make();

  assert.equal(whole(quota, '192.0.2.7', 4_216), 5);
  assert.equal(whole(quota, '192.0.2.8', 3), 3);
  await clock.move(intervalMs);
  const { client, requests, seconds } = lines[0] ?? {};
  assert.deepEqual({ client, requests, seconds }, { client: '192.0.2.7', requests: 4_211, seconds: 60 });
  assert.deepEqual(said(), ['192.0.2.7: 4,211 more refused requests in 60 s']);

  assert.equal(whole(quota, '192.0.2.7', 6), 5, 'and again in the next minute');
  await clock.move(intervalMs);
  assert.deepEqual(said(), ['192.0.2.7: 1 more refused request in 60 s']);
});

test('a hundred thousand refusals of a thousand addresses are five thousand lines and one', async () => {
  const { clock, quota, said } = make();

  let taken = 0;
  for (let round = 0; round < 100; round++)
    for (let i = 0; i < 1_000; i++) taken += whole(quota, `198.51.${100 + (i >> 8)}.${i & 255}`, 1);
  taken += whole(quota, '198.51.100.7', 10);
  await clock.move(intervalMs);

  assert.equal(taken, 5_000);
  assert.deepEqual(said(), [
    '1,000 addresses: 95,010 more refused requests in 60 s; most from 198.51.100.7 (105)',
  ]);
});

test('a flood of addresses costs bounded memory and a bounded part of the log', async () => {
  const { clock, quota, said } = make();
  const flood = (): number => {
    let taken = 0;
    for (let i = 0; i < 12_000; i++) taken += whole(quota, `2001:db8:${i.toString(16)}::1`, 3);
    return taken;
  };

  assert.equal(flood(), 6_000);
  await clock.move(intervalMs);
  assert.equal(said().length, 1);
  for (let minute = 0; minute < 3; minute++) {
    assert.equal(flood(), 600);
    await clock.move(intervalMs);
    assert.match(
      String(said()),
      /^9,800 and more addresses: 35,400 more refused requests in 60 s; most from/,
    );
  }
});

test('addresses of one IPv6 network of 64 bits are one source, which is named', async () => {
  const { clock, quota, said } = make();

  let taken = 0;
  for (let i = 0; i < 20; i++) taken += whole(quota, `2001:db8:1:2::${i.toString(16)}`, 1);
  await clock.move(intervalMs);

  assert.equal(taken, 5);
  assert.deepEqual(said(), ['2001:db8:1:2::/64: 15 more refused requests in 60 s']);
});

test('health checks of an address do not use up the lines about its refusals', async () => {
  const { clock, quota, said } = make();

  assert.equal(whole(quota, '192.0.2.7', 30, 'keyless'), 5);
  assert.equal(whole(quota, '192.0.2.7', 5), 5);
  await clock.move(intervalMs);

  assert.deepEqual(said(), ['192.0.2.7: 25 more requests without a key in 60 s']);
});

test('a key whose requests are refused has a quota of its own, whatever its address sends', async () => {
  const { clock, quota, said, lines } = make();
  whole(quota, '192.0.2.7', 5);

  let taken = 0;
  for (let i = 0; i < 12; i++) if (quota.ofKey('key_1', 'laptop')) taken += 1;
  await clock.move(intervalMs);

  assert.equal(taken, 5);
  assert.deepEqual([lines[0]?.keyId, lines[0]?.keyLabel, lines[0]?.requests], ['key_1', 'laptop', 7]);
  assert.deepEqual(said(), ['key key_1: 7 more refused requests in 60 s']);
});

test('the counts are logged at the end, and no timer is left', async () => {
  const { clock, quota, said } = make();
  whole(quota, '192.0.2.7', 8);
  await clock.move(12_000);

  quota.close();

  assert.deepEqual(said(), ['192.0.2.7: 3 more refused requests in 12 s']);
  assert.equal(clock.timers, 0);
});

/** The draining end of a limits link beside a newest process that a test plays. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MovedClock } from '../../../test/helpers/moved-clock.ts';
import type { LinkListener } from './limits-link.ts';
import { LimitsLinkClient } from './limits-link-client.ts';

interface Sent {
  readonly n: number;
  readonly do: string;
}

function linked(t: TestContext) {
  const clock = new MovedClock();
  const sent: Sent[] = [];
  const listeners: LinkListener[] = [];
  let lost = 0;
  const link = new LimitsLinkClient({
    id: 'old',
    known: 0,
    clock,
    dial: (_place, listener) => {
      listeners.push(listener);
      return { send: (message) => 'n' in message && sent.push(message as Sent), close: () => {} };
    },
    unwanted: () => {},
    lost: () => {
      lost += 1;
    },
  });
  link.connect({ controlPath: 'newest', nonce: '' });
  const newest = (): LinkListener => listeners.at(-1) ?? assert.fail('dialled');
  newest().opened();
  t.after(() => {
    link.end();
    assert.equal(clock.timers, 0);
  });
  return { clock, link, sent, newest, lost: () => lost };
}

const enter = { do: 'enter', family: 'a' } as const;

test('a newest process that hangs with an open link is given up, and every request is decided here', async (t) => {
  const { clock, link, lost } = linked(t);
  const answers: unknown[] = [];
  link.send({ do: 'take', key: 'k', family: 'a', limit: 1 }, (answer) => answers.push(answer));
  link.send({ ...enter, engines: ['e'] }, (answer) => answers.push(answer));
  await clock.move(15_000);
  assert.equal(lost(), 0);
  await clock.move(15_000);
  assert.deepEqual([lost(), answers], [1, [undefined, undefined]]);
});

test('a request may wait in the queue of a newest process that answers probes for as long as it likes', async (t) => {
  const { clock, link, sent, newest, lost } = linked(t);
  const answers: unknown[] = [];
  const n = link.send({ ...enter, engines: ['e'] }, (answer) => answers.push(answer));
  for (let second = 0; second < 600; second += 1) {
    await clock.move(1_000);
    for (const probe of sent.splice(0)) if (probe.do === 'synced') newest().message({ n: probe.n });
  }
  assert.deepEqual([lost(), answers], [0, []]);
  newest().message({ n, engine: 'e', family: 'a' });
  assert.equal(answers.length, 1);
});

test('a link without open questions sends no probes', async (t) => {
  const { clock, sent, lost } = linked(t);
  await clock.move(600_000);
  assert.deepEqual([lost(), sent], [0, []]);
});

test('after a broken link the newest process has the whole time again to answer a probe', async (t) => {
  const { clock, link, newest, lost } = linked(t);
  link.send({ ...enter, engines: ['e'] }, () => {});
  await clock.move(18_000);
  newest().closed();
  await clock.move(100);
  newest().opened();
  await clock.move(10_000);
  assert.equal(lost(), 0);
});

/** What a proxy keeps in a file during an outage of its database, and who takes it afterwards. */
import assert from 'node:assert/strict';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sampleUsage } from '../../test/helpers/store-samples.ts';
import { temporaryHome } from '../../test/helpers/temporary-store.ts';
import { type JournalOwner, OutageJournal } from './outage-journal.ts';
import { UsageBatches } from './usage-batches.ts';

const revocation = { atMs: 5, actor: 'cli:me', action: 'key.revoke', subject: 'key_a', after: '{}' };

function journals(t: TestContext) {
  const folder = join(temporaryHome(t), 'unwritten');
  const gone = new Set<number>();
  const open = (pid: number, host = 'one') =>
    new OutageJournal({
      folder,
      owner: { host, pid, processStart: `start of ${pid}` },
      isGone: (owner: JournalOwner) => gone.has(owner.pid),
      nowMs: () => Date.now(),
    });
  return { folder, gone, open };
}

function unwritten() {
  const batches = new UsageBatches('w');
  batches.add(sampleUsage({ model: 'a \u0000 model' }));
  batches.next();
  batches.add(sampleUsage({ keyId: 'key_b' }));
  batches.record({ atMs: 6, actor: 'proxy:px', action: 'auth.refused', subject: '192.0.2.1' });
  return { batches: batches.unwritten(), revocations: [revocation] };
}

test('the file of a process that has ended is taken as it was saved last, once', async (t) => {
  const { folder, gone, open } = journals(t);
  const [old, next] = [open(1), open(2)];
  await old.save({ batches: [], revocations: [] }, false);
  await old.save(unwritten(), false);
  assert.deepEqual(await next.leftovers(), [], 'its process lives');
  gone.add(1);
  const [found] = await next.leftovers();
  assert.deepEqual(found?.batches, unwritten().batches);
  assert.deepEqual(found?.revocations, [revocation]);
  await found?.remove();
  assert.deepEqual(await next.leftovers(), []);
  assert.deepEqual(readdirSync(folder), []);
});

test('a process that has closed its store leaves its file to others at once', async (t) => {
  const { open } = journals(t);
  const [old, next] = [open(1), open(2)];
  await old.save(unwritten(), true);
  assert.equal((await next.leftovers()).length, 1);
  assert.deepEqual(await old.leftovers(), [], 'a process never takes its own file');
});

test('the file of another host is taken when it was silent for a minute', async (t) => {
  const { folder, gone, open } = journals(t);
  const [old, next] = [open(1, 'other'), open(2)];
  await old.save(unwritten(), false);
  // A process id of another host means nothing here.
  gone.add(1);
  assert.deepEqual(await next.leftovers(), []);
  const file = join(folder, readdirSync(folder)[0] ?? '');
  const agoSeconds = Date.now() / 1000 - 61;
  utimesSync(file, agoSeconds, agoSeconds);
  assert.equal((await next.leftovers()).length, 1);
});

test('a file is private, and it is gone when everything is stored', async (t) => {
  const { folder, open } = journals(t);
  const journal = open(1);
  await journal.save(unwritten(), false);
  const [name = ''] = readdirSync(folder);
  assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  await journal.clear();
  assert.deepEqual(readdirSync(folder), []);
  assert.equal(journal.exists, false);
});

test('files that hold something else are left as they are', async (t) => {
  const { folder, open } = journals(t);
  const journal = open(1);
  await journal.save(unwritten(), false);
  for (const [name, text] of [
    ['a.json', '{"ended":true'],
    ['b.json', '{}'],
    ['c.txt', ''],
  ] as const)
    writeFileSync(join(folder, name), text);
  assert.deepEqual(await open(2).leftovers(), []);
  assert.equal(readdirSync(folder).length, 4);
});

test('without a folder there is nothing to take', async (t) => {
  assert.deepEqual(await journals(t).open(1).leftovers(), []);
});

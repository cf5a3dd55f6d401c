/**
 * `kill -9` at any moment: a writer is killed at random points again and again; what it said to be committed is there,
 * nothing is half-written, and nothing that was revoked lives again. FLM_STORE_KILLS sets how often (25).
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { startProgram } from '../helpers/store-programs.ts';
import { atEnd, openedStore, temporaryHome } from '../helpers/temporary-store.ts';

const kills = Number(process.env.FLM_STORE_KILLS ?? 25);

/** Says each thing after its commit: what was said must hold for ever. */
const writer = (home: string, life: number): string => `
  say('opening');
  const store = open(${JSON.stringify(home)});
  say('open');
  for (let i = 0; ; i++) {
    const name = '${life}-' + i;
    const key = sampleKey(name, { models: ['a'.repeat(i % 7 * 3000)], engines: [name] });
    await store.security.insertKey(key);
    say('made ' + key.id);
    if (i % 3 === 0) {
      await store.security.updateKey({ ...key, revokedAtMs: 5 });
      say('revoked ' + key.id);
    }
    if (i % 3 === 1) {
      await store.security.deleteKey(key.id);
      say('deleted ' + key.id);
    }
    await store.usage.addUsage([sampleUsage({ keyId: key.id })]);
    await store.engines.saveAlias({ name: 'life', target: name });
  }`;

test('a writer that is killed at any moment leaves whole rows, and nothing revoked comes back', async (t) => {
  const home = temporaryHome(t);
  const made = new Set<string>();
  const revoked = new Set<string>();
  const deleted = new Set<string>();
  for (let life = 0; life < kills; life++) {
    const program = startProgram(t, writer(home, life));
    // From the first statement on a new file to the midst of the work.
    const linesBeforeDeath = life < 3 ? 0 : Math.floor(Math.random() * 40);
    let lines = 0;
    for await (const line of program.lines) {
      const [what, id = ''] = line.split(' ');
      if (what === 'made') made.add(id);
      if (what === 'revoked') revoked.add(id);
      if (what === 'deleted') deleted.add(id);
      if (++lines > linesBeforeDeath) program.child.kill('SIGKILL');
    }
    assert.equal(await program.exitCode, null, program.errors());
  }
  const store = openedStore(t, home);
  assert.deepEqual(store.faults(), []);
  const keys = new Map((await store.security.listKeys()).map((key) => [key.id, key]));
  for (const id of made) assert(keys.has(id) || isForDeletion(id), `${id} is lost`);
  for (const id of deleted) assert(!keys.has(id), `${id} came back`);
  for (const id of revoked) assert.equal(keys.get(id)?.revokedAtMs, 5, `${id} lives again`);
  for (const key of keys.values()) assert.deepEqual(key.engines, [key.id.slice('key_'.length)], 'whole');
  assert(made.size > kills && revoked.size > 0 && deleted.size > 0);
});

/** Its deletion may have been committed just before the death, unsaid. */
function isForDeletion(id: string): boolean {
  return Number(id.slice(id.lastIndexOf('-') + 1)) % 3 === 1;
}

test('a -wal file that is lost after a kill takes no revocation along', async (t) => {
  const home = temporaryHome(t);
  const program = startProgram(
    t,
    `const store = open(${JSON.stringify(home)});
     const key = sampleKey('a');
     await store.security.insertKey(key);
     await store.security.updateKey({ ...key, revokedAtMs: 5 });
     say('revoked');
     setInterval(() => {}, 1000);`,
  );
  for await (const line of program.lines) if (line === 'revoked') program.child.kill('SIGKILL');
  await program.exitCode;
  rmSync(join(home, 'flm.db-wal'));
  rmSync(join(home, 'flm.db-shm'));
  const store = openedStore(t, home);
  assert.equal((await store.security.findKey('key_a'))?.revokedAtMs, 5);
  assert.deepEqual(store.faults(), []);
});

test('a proxy that is killed loses no more usage than that of its last second', async (t) => {
  const home = temporaryHome(t);
  const url = JSON.stringify(new URL('../../src/store/sqlite/proxy-store.ts', import.meta.url).href);
  const clockUrl = JSON.stringify(new URL('../../src/core/clock.ts', import.meta.url).href);
  const program = startProgram(
    t,
    `const { openProxyStore } = await import(${url});
     const { systemClock } = await import(${clockUrl});
     const proxy = openProxyStore({ home: ${JSON.stringify(home)}, clock: systemClock });
     await proxy.start({ changed() {}, problem() {}, expired() {} });
     const begun = performance.now();
     let counted = 0;
     for (;;) {
       await new Promise((resolve) => setTimeout(resolve, 5));
       proxy.add(sampleUsage());
       counted++;
       if (performance.now() - begun > 1500 && counted % 10 === 0) say('1');
       if (performance.now() - begun < 300) say('early');
     }`,
  );
  let early = 0;
  for await (const line of program.lines) {
    if (line === 'early') early++;
    else program.child.kill('SIGKILL');
  }
  await program.exitCode;
  const db = new DatabaseSync(join(home, 'usage.db'));
  atEnd(t, () => db.close());
  const kept = Number(db.prepare('SELECT sum(requests) AS n FROM usage_day').get()?.n ?? 0);
  assert(early > 0 && kept >= early, `${kept} of at least ${early}`);
});

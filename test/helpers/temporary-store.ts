/** Temporary data folders and open stores. Both are removed at the end of their test. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { FlmError } from '../../src/core/errors.ts';
import { openStore, type SqliteStore, type StoreOptions } from '../../src/store/sqlite/open-store.ts';

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Runs `end` after the test, last one first: `t.after` alone would remove the folder of a store that is still open. */
export function atEnd(t: TestContext, end: () => unknown): void {
  let ends = cleanups.get(t);
  if (ends === undefined) {
    const all: (() => unknown)[] = [];
    ends = all;
    cleanups.set(t, all);
    t.after(async () => {
      for (const each of all.toReversed()) await each();
    });
  }
  ends.push(end);
}

export function temporaryHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'flm-store-'));
  atEnd(t, () => rmSync(home, { recursive: true, force: true }));
  return home;
}

export function openedStore(t: TestContext, home: string, more: Partial<StoreOptions> = {}): SqliteStore {
  const store = openStore({ home, clock: systemClock, liveness: () => Promise.resolve(true), ...more });
  atEnd(t, () => store.close());
  return store;
}

/**
 * For `assert.throws` and `assert.rejects`: checks the code, and that the text for people contains each of these
 * strings.
 */
export function failsAs(code: string, ...parts: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof FlmError, String(error));
    assert.equal(error.code, code);
    for (const part of parts) assert.match(`${error.message} ${error.hint}`, part);
    return true;
  };
}

/**
 * Real second processes for the store's tests: programs that open a store, and a program that holds the write lock of a
 * file. Each ends with its test.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { atEnd } from './temporary-store.ts';

export interface Program {
  readonly child: ChildProcess;
  /** Null after a signal. */
  readonly exitCode: Promise<number | null>;
  /** Lines of its output, as they arrive. */
  readonly lines: AsyncIterable<string>;
  errors(): string;
}

/** Runs statements that have `open(home)`, `sampleKey`, `sampleUsage`, `DatabaseSync` and `say(line)`. */
export function startProgram(t: TestContext, statements: string): Program {
  const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { writeSync } from 'node:fs';
    import { DatabaseSync } from 'node:sqlite';
    const { openStore } = await import(${at('../../src/store/sqlite/open-store.ts')});
    const { sampleKey, sampleUsage } = await import(${at('./store-samples.ts')});
    const clock = { nowMs: () => Date.now() };
    const open = (home) => openStore({ home, clock, liveness: () => Promise.resolve(true) });
    const say = (line) => writeSync(1, line + '\\n');
    ${statements}`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  atEnd(t, async () => {
    child.kill('SIGKILL');
    await exitCode;
  });
  return { child, exitCode, lines: createInterface({ input: child.stdout }), errors: () => errors };
}

/** Holds the write lock of a database until released. */
export async function lockFile(t: TestContext, file: string): Promise<{ release: () => Promise<void> }> {
  const program = startProgram(
    t,
    `const db = new DatabaseSync(${JSON.stringify(file)});
     db.exec('BEGIN IMMEDIATE');
     say('locked');
     process.stdin.on('end', () => db.close()).resume();`,
  );
  for await (const line of program.lines) {
    assert.equal(line, 'locked');
    break;
  }
  return {
    release: async () => {
      program.child.stdin?.end();
      await program.exitCode;
    },
  };
}

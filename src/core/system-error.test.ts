import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataFolderAdvice, errnoOf, systemRefusal } from './system-error.ts';

const refused = (code: string): Error =>
  Object.assign(new Error(code), { code, syscall: 'open', path: '/x' });

const advised = {
  EADDRINUSE: /--port N/,
  EADDRNOTAVAIL: /--bind/,
  EACCES: /permission/,
  ENOSPC: /Free some space/,
  EROFS: /FLM_HOME/,
  EMFILE: /ulimit -n/,
};
for (const [errno, advice] of Object.entries(advised)) {
  test(`${errno} has advice of its own`, () => {
    const error = systemRefusal(refused(errno));
    assert.equal(error?.code, 'SYSTEM_REFUSED');
    assert.match(error?.message ?? '', new RegExp(`^The system refused to open /x: .* \\(${errno}\\)\\.$`));
    assert.match(error?.hint ?? '', advice);
  });
}

test('for the data folder, the advice is to choose another one', () => {
  const hint = (code: string): string | undefined =>
    systemRefusal(refused(code), undefined, dataFolderAdvice)?.hint;
  for (const code of ['EACCES', 'EPERM', 'ENOTDIR']) assert.match(hint(code) ?? '', /^Set FLM_HOME/);
  assert.equal(hint('ENOSPC'), systemRefusal(refused('ENOSPC'))?.hint);
});

test('a deleted working folder is named instead of the call that found it', () => {
  const error = systemRefusal(Object.assign(new Error('ENOENT'), { code: 'ENOENT', syscall: 'uv_cwd' }));
  assert.equal(
    error?.message,
    'The system refused to name the working folder: the folder was deleted (ENOENT).',
  );
  assert.equal(error?.hint, 'Change to a folder that exists and try again.');
});

test('an errno without advice of its own is named all the same', () => {
  assert.match(
    systemRefusal(refused('EXDEV'), 'to move it')?.message ?? '',
    /^The system refused to move it: .*EXDEV/,
  );
});

test('what is no error of the system is left alone', () => {
  for (const other of [
    new Error('x'),
    Object.assign(new Error('x'), { code: 'ERR_X', syscall: 'open' }),
    'ENOENT',
  ])
    assert.deepEqual([errnoOf(other), systemRefusal(other)], [undefined, undefined]);
});

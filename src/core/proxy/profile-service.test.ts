import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { ProxyError } from '../errors.ts';
import { ProfileService } from './profile-service.ts';

const withCode = (code: string, words: string) => (error: unknown) => {
  assert.ok(error instanceof ProxyError && error.code === code, String(error));
  assert.ok(error.message.includes(words), error.message);
  return true;
};

test('a profile with faults or an impossible name is not saved', async (t) => {
  const { proxies: repository } = openedStore(t, temporaryHome(t));
  const service = new ProfileService({ repository, clock: { nowMs: () => 5 }, actor: 'cli:test' });
  await assert.rejects(service.save('lab', { port: 70_000 }), withCode('PROFILE_INVALID', 'port'));
  await assert.rejects(service.save('../x', {}), withCode('PROFILE_INVALID', 'name'));
  assert.deepEqual(await service.list(), []);
  await assert.rejects(service.delete('lab'), withCode('PROFILE_NOT_FOUND', 'lab'));
});

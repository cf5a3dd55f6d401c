/** Addresses of test databases, as the settings of a proxy give them. */
import assert from 'node:assert/strict';
import { type DatabaseAddress, storeSettings } from '../../src/core/store-settings.ts';

export function postgresAddress(url: string): DatabaseAddress {
  const { database } = storeSettings({
    environment: { FLM_DATABASE_URL: url },
    hostname: 'h',
    readText: () => undefined,
  });
  assert.ok(database);
  return database;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Environment } from './environment.ts';
import { StoreError } from './errors.ts';
import { type StoreSettings, storeSettings } from './store-settings.ts';

const settings = (environment: Environment, files: Readonly<Record<string, string>> = {}): StoreSettings =>
  storeSettings({ environment, hostname: 'alpha.example', readText: (path) => files[path] });

const database = (url: string) => settings({ FLM_DATABASE_URL: url }).database;
const valkey = (url: string) => settings({ FLM_VALKEY_URL: url }).valkey;

const refusal = (environment: Environment, files: Readonly<Record<string, string>> = {}): StoreError => {
  try {
    settings(environment, files);
  } catch (error) {
    assert.ok(error instanceof StoreError);
    assert.equal(error.code, 'STORE_SETTINGS_INVALID');
    return error;
  }
  return assert.fail(`accepted: ${JSON.stringify(environment)}`);
};

test('without variables, SQLite and local counting stay, and the node has the name of its machine', () => {
  assert.deepEqual(settings({ FLM_DATABASE_URL: '', FLM_VALKEY_URL: '' }), {
    database: undefined,
    valkey: undefined,
    storeKeyFile: undefined,
    maxSnapshotAgeMs: 3_600_000,
    valkeyOutage: 'local',
    nodeName: 'alpha.example',
  });
});

test('a database on another machine needs verified TLS, unless the URL says otherwise', () => {
  const found = database('postgres://flm:p%40ss%23@db.example:6543/main?ca=/etc/ca.pem');
  assert.deepEqual(found, {
    shown: 'postgres://flm@db.example:6543/main',
    host: 'db.example',
    port: 6543,
    socket: undefined,
    user: 'flm',
    password: 'p@ss#',
    security: 'verified',
    caFile: '/etc/ca.pem',
    database: 'main',
  });
  assert.equal(database('postgresql://u@db.example/d?sslmode=require')?.security, 'verified');
  assert.equal(database('postgres://u@db.example/d?tls=off')?.security, 'none');
  assert.equal(database('postgres://u@10.0.0.7/d')?.security, 'verified');
  // A name that only begins like a loopback address.
  assert.equal(database('postgres://u@127.0.0.1.example/d')?.security, 'verified');
  assert.equal(database('postgres://u@localhost.example/d')?.security, 'verified');
});

test('loopback addresses and sockets need no TLS, and a URL may ask for it', () => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]'])
    assert.equal(database(`postgres://u@${host}/d`)?.security, 'none', host);
  assert.equal(database('postgres://u@[::1]/d')?.host, '::1');
  assert.equal(database('postgres://u@localhost/d?tls=on')?.security, 'verified');
  for (const url of [
    'postgres://u:p@/d?host=/run/postgresql',
    'postgres:///d?host=/run/postgresql&user=u',
    'postgres://u@%2Frun%2Fpostgresql/d',
  ]) {
    const found = database(url);
    assert.deepEqual([found?.socket, found?.user, found?.security], ['/run/postgresql', 'u', 'none'], url);
  }
});

test('rediss and valkeys use TLS, and redis does so to no other machine without tls=off', () => {
  const found = valkey('rediss://:s3cret@cache.example/3');
  assert.deepEqual(
    [found?.shown, found?.host, found?.port, found?.password, found?.security, found?.database],
    ['rediss://cache.example/3', 'cache.example', 6379, 's3cret', 'verified', 3],
  );
  assert.equal(valkey('valkeys://u:p@h:1')?.user, 'u');
  assert.equal(valkey('redis://127.0.0.1:7000')?.security, 'none');
  assert.equal(valkey('valkey://cache.example?tls=off')?.security, 'none');
  assert.equal(valkey('unix:///run/valkey.sock')?.socket, '/run/valkey.sock');
  refusal({ FLM_VALKEY_URL: 'redis://cache.example' });
  refusal({ FLM_VALKEY_URL: 'rediss://cache.example?tls=off' });
});

test('a URL may be in a file, and not in both places', () => {
  const files = { '/run/secrets/url': 'postgres://u:p@localhost/d\n', '/empty': '\n' };
  const inFile = { FLM_DATABASE_URL_FILE: '/run/secrets/url' };
  assert.equal(settings(inFile, files).database?.password, 'p');
  assert.match(
    refusal({ FLM_DATABASE_URL_FILE: '/none' }, files).message,
    /FLM_DATABASE_URL_FILE is "\/none"/,
  );
  refusal({ FLM_DATABASE_URL_FILE: '/empty' }, files);
  refusal({ ...inFile, FLM_DATABASE_URL: 'postgres://u@localhost/d' }, files);
});

test('every problem is reported at once, by the name of its variable', () => {
  const { faults } = refusal({
    FLM_DATABASE_URL: 'mysql://u@h/d',
    FLM_VALKEY_URL: 'http://h',
    FLM_MAX_SNAPSHOT_AGE: 'soon',
    FLM_VALKEY_OUTAGE: 'ignore',
    FLM_NODE_NAME: 'a b',
  });
  assert.deepEqual(faults.map(({ field }) => field).sort(), [
    'FLM_DATABASE_URL',
    'FLM_MAX_SNAPSHOT_AGE',
    'FLM_NODE_NAME',
    'FLM_VALKEY_OUTAGE',
    'FLM_VALKEY_URL',
  ]);
  assert.equal(settings({ FLM_MAX_SNAPSHOT_AGE: '30m' }).maxSnapshotAgeMs, 1_800_000);
  refusal({ FLM_MAX_SNAPSHOT_AGE: '0s' });
});

test('no error and no shown URL holds a password, wherever it was written', () => {
  const urls = [
    'postgres://u:hunter2@h',
    'postgres://u:hunter2@h/',
    'postgres://u:hunter2@h/d?password=hunter2',
    'postgres://u:a?hunter2=b@h/d',
    'postgres://u:a#hunter2@h/d',
    'postgres://u:hunter2@h:port/d',
    'postgres:hunter2',
    'hunter2',
    'postgres://u:hunter2@h/d?sslmode=disable',
    'postgres://u:p@h/d?tls=hunter2',
    'postgres://:hunter2@h/d',
  ];
  for (const url of urls) {
    const error = refusal({ FLM_DATABASE_URL: url, FLM_VALKEY_URL: url });
    assert.doesNotMatch(error.message + error.hint + JSON.stringify(error.params), /hunter2/, url);
  }
  assert.doesNotMatch(database('postgres://u:hunter2@h/d')?.shown ?? '', /hunter2/);
  assert.doesNotMatch(valkey('rediss://u:hunter2@h')?.shown ?? '', /hunter2|u/);
});

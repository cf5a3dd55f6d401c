/** Migrations run completely or not at all, once, after a backup, and never on a file of a newer flm. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { startProgram } from '../../../test/helpers/store-programs.ts';
import { atEnd, failsAs, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import type { Row } from '../rows.ts';
import { Database } from './database.ts';
import type { Migration, Schema } from './schema.ts';
import { knownSchemas, schemaFit } from './schema-check.ts';

const first = 'CREATE TABLE animal (name TEXT NOT NULL) STRICT';
const second =
  "ALTER TABLE animal ADD COLUMN legs INTEGER NOT NULL DEFAULT 4; INSERT INTO animal VALUES ('spider', 8)";
const third = "UPDATE animal SET legs = 2 WHERE name = 'hen'";

function database(
  t: TestContext,
  home: string,
  migrations: readonly Migration[],
  nowMs = Date.now(),
  readableFrom = migrations.length,
): Database {
  const schema: Schema = { file: 'flm.db', pragmas: '', migrations, readableFrom };
  const db = new Database({ home, schema, clock: { nowMs: () => nowMs }, busyTimeoutMs: 2_000 });
  atEnd(t, () => db.close());
  return db;
}

function oldFile(t: TestContext): string {
  const home = temporaryHome(t);
  const db = database(t, home, [first]);
  db.open();
  db.write(() => db.run("INSERT INTO animal VALUES ('hen')"));
  db.close();
  return home;
}

/** Gives the rows of SQLite, which have no prototype, a prototype. */
const plain = (row: Row): object => ({ ...row });

const versionOf = (file: string): unknown => {
  const db = new DatabaseSync(file);
  const version = db.prepare('PRAGMA user_version').get()?.user_version;
  db.close();
  return version;
};

test('a fresh file gets all migrations and no backup', (t) => {
  const home = temporaryHome(t);
  const db = database(t, home, [first, second, third]);
  assert.deepEqual(
    db.list((row) => row.name, 'SELECT name FROM animal'),
    ['spider'],
  );
  assert.equal(existsSync(join(home, 'backups')), false);
});

test('an old file is migrated after a private backup of what it held', (t) => {
  const home = oldFile(t);
  const db = database(t, home, [first, second, third], Date.UTC(2026, 10, 24, 15));
  const rows = db.list(plain, 'SELECT name, legs FROM animal ORDER BY name');
  assert.deepEqual(rows, [
    { name: 'hen', legs: 2 },
    { name: 'spider', legs: 8 },
  ]);
  const folder = join(home, 'backups');
  assert.deepEqual(readdirSync(folder), ['flm-v1-20261124T150000000Z.db']);
  const backup = join(folder, 'flm-v1-20261124T150000000Z.db');
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(backup).mode & 0o777, 0o600);
  const kept = new DatabaseSync(backup);
  atEnd(t, () => kept.close());
  assert.deepEqual(
    kept
      .prepare('SELECT * FROM animal')
      .all()
      .map((row) => ({ ...row })),
    [{ name: 'hen' }],
  );
  assert.equal(versionOf(backup), 1);
});

test('who opens an old file is told before its migration and after it, and nobody of a new or current one', (t) => {
  const told: string[] = [];
  const open = (home: string): void => {
    const schema: Schema = { file: 'flm.db', pragmas: '', migrations: [first, second], readableFrom: 2 };
    const onMigrate = (file: string) => {
      told.push(file);
      return () => void told.push(`version ${versionOf(file)}`);
    };
    const db = new Database({ home, schema, clock: { nowMs: Date.now }, busyTimeoutMs: 2_000, onMigrate });
    db.open();
    db.close();
  };
  const home = oldFile(t);

  open(home);
  assert.deepEqual(told.splice(0), [join(home, 'flm.db'), 'version 2']);
  open(home);
  open(temporaryHome(t));
  assert.deepEqual(told, []);
});

test('a migration that fails leaves the file as it was, and the backup beside it', (t) => {
  const home = oldFile(t);
  const db = database(t, home, [first, second, 'UPDATE plant SET x = 1']);
  assert.throws(() => db.open(), failsAs('STORE_UNUSABLE', /flm\.db/));
  assert.equal(versionOf(join(home, 'flm.db')), 1);
  assert.deepEqual(database(t, home, [first]).list(plain, 'SELECT * FROM animal'), [{ name: 'hen' }]);
  assert.equal(readdirSync(join(home, 'backups')).length, 1);
});

test('a file of a newer flm is refused and not touched', (t) => {
  const home = oldFile(t);
  database(t, home, [first, second, third]).open();
  const before = statSync(join(home, 'flm.db')).mtimeMs;
  const old = database(t, home, [first]);
  assert.throws(() => old.open(), failsAs('STORE_NEWER', /schema 3, this one knows 1/, /Update flm/));
  assert.equal(statSync(join(home, 'flm.db')).mtimeMs, before);
});

test('an open store does not write to a file that was migrated under it', (t) => {
  const home = oldFile(t);
  const old = database(t, home, [first]);
  old.open();
  database(t, home, [first, second]).open();
  assert.throws(() => old.write(() => old.run("INSERT INTO animal VALUES ('cat')")), failsAs('STORE_NEWER'));
});

test('a file with additions of a newer flm is read and written by the version before', (t) => {
  const home = oldFile(t);
  const old = database(t, home, [first]);
  old.open();
  database(t, home, [first, second], Date.now(), 1).open();
  old.write(() => old.run("INSERT INTO animal (name) VALUES ('cat')"));
  old.close();
  const again = database(t, home, [first]);
  assert.deepEqual(
    again.list((row) => row.name, 'SELECT name FROM animal ORDER BY name'),
    ['cat', 'hen', 'spider'],
  );
  again.write(() => again.run("INSERT INTO animal (name) VALUES ('dog')"));
  assert.equal(versionOf(join(home, 'flm.db')), 2);
});

test('a file with a change that the version before cannot use is refused, and later additions too', (t) => {
  const home = oldFile(t);
  const old = database(t, home, [first]);
  old.open();
  database(t, home, [first, { breaking: second }, third], Date.now(), 1).open();
  assert.throws(() => old.write(() => 0), failsAs('STORE_NEWER', /schema 3, this one knows 1/));
  const middle = database(t, home, [first, { breaking: second }], Date.now(), 1);
  assert.deepEqual(middle.list(plain, "SELECT legs FROM animal WHERE name = 'hen'"), [{ legs: 2 }]);
});

test('whether another version can use the files is known without a migration', (t) => {
  const home = temporaryHome(t);
  const files = (flm: number) => ({ ...knownSchemas, 'flm.db': flm });
  assert.deepEqual(schemaFit(home), { fit: 'current' });
  database(t, home, [first, second, { breaking: third }, 'CREATE TABLE t (x)'], Date.now(), 1).open();
  assert.deepEqual(schemaFit(home, files(9)), { fit: 'older' });
  assert.deepEqual(schemaFit(home, files(4)), { fit: 'current' });
  assert.deepEqual(schemaFit(home, files(3)), { fit: 'newer' });
  const file = join(home, 'flm.db');
  assert.deepEqual(schemaFit(home, files(2)), { fit: 'refused', file, found: 4, known: 2, oldest: 3 });
  assert.equal(versionOf(file), 4);
});

test('the last five backups are kept', (t) => {
  const home = oldFile(t);
  const migrations = [first];
  for (let version = 2; version <= 9; version++) {
    migrations.push(`CREATE TABLE t${version} (x) `);
    const db = database(t, home, migrations, Date.UTC(2026, 0, version));
    db.open();
    db.close();
  }
  const names = readdirSync(join(home, 'backups')).sort();
  assert.deepEqual(
    names.map((name) => name.slice(0, 6)),
    ['flm-v4', 'flm-v5', 'flm-v6', 'flm-v7', 'flm-v8'],
  );
});

test('processes that meet an old file together migrate it once', async (t) => {
  const home = oldFile(t);
  const url = JSON.stringify(new URL('./database.ts', import.meta.url).href);
  const schema = JSON.stringify({
    file: 'flm.db',
    pragmas: '',
    migrations: [first, second, third],
    readableFrom: 3,
  });
  const program = `
    const { Database } = await import(${url});
    const db = new Database({ home: ${JSON.stringify(home)}, schema: ${schema}, clock, busyTimeoutMs: 10000 });
    say(db.list((row) => row, 'SELECT * FROM animal').length);
    db.close();`;
  const programs = [startProgram(t, program), startProgram(t, program), startProgram(t, program)];
  for (const { exitCode, errors } of programs) assert.equal(await exitCode, 0, errors());
  assert.equal(database(t, home, [first, second, third]).list(plain, 'SELECT * FROM animal').length, 2);
  assert.equal(readdirSync(join(home, 'backups')).length, 1);
});

/** The PostgreSQL database of a store: opening, migrations, the order of changes, time limits and failures. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FlmError } from '../../src/core/errors.ts';
import type { PostgresDatabase } from '../../src/store/postgres/database.ts';
import { migrations } from '../../src/store/postgres/schema.ts';
import { integer, text } from '../../src/store/rows.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { postgresDatabase } from '../helpers/postgres-store.ts';
import { atEnd, temporaryHome } from '../helpers/temporary-store.ts';
import { testCertificate } from '../helpers/test-certificate.ts';

const postgres = postgresForFile();
const skip = noPostgres;

const fails =
  (code: string, words = /./) =>
  (error: unknown) =>
    error instanceof FlmError && error.code === code && words.test(error.message);

const addKind = (kind: string) => async (database: PostgresDatabase) =>
  database.change((session, revision) =>
    session.run(
      'INSERT INTO flm.deleted (kind, id, revision) VALUES ($1, $2, $3)',
      kind,
      String(revision),
      revision,
    ),
  );

test('nodes that open an empty database at the same moment create its schema once', { skip }, async (t) => {
  const url = await postgres.database(t);
  const nodes = Array.from({ length: 4 }, () => postgresDatabase(t, url));
  await Promise.all(nodes.map((node) => node.open()));
  assert.deepEqual(await nodes[0]?.version(), { found: migrations.length, oldest: 1 });
  assert.deepEqual(await postgres.query(url, 'SELECT value FROM flm.revision'), ['0']);
});

test('text with any character, bytes, lists and whole numbers come back as they were given', {
  skip,
}, async (t) => {
  const database = postgresDatabase(t, await postgres.database(t));
  const label = 'Grüße 👩‍💻 \u0000 \u001a \\ "x" عربي';
  const row = await database.find(
    (found) => found,
    'SELECT $1::flm.name AS one, $2::bigint AS big, $3::bytea AS bytes, $1 = ANY ($4::text[]) AS listed, $5::boolean AS no',
    label,
    Number.MAX_SAFE_INTEGER,
    Buffer.from([0, 255]),
    ['a', label],
    false,
  );
  assert.deepEqual(
    { ...row },
    { one: label, big: Number.MAX_SAFE_INTEGER, bytes: Buffer.from([0, 255]), listed: true, no: false },
  );
});

test('changes get revisions in the order in which they become visible', { skip }, async (t) => {
  const url = await postgres.database(t);
  const [first, second] = [postgresDatabase(t, url), postgresDatabase(t, url)];
  const order: string[] = [];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const started = Promise.withResolvers<void>();
  const slow = first.change(async (_, revision) => {
    started.resolve();
    await held;
    order.push(`slow ${revision}`);
    return true;
  });
  await started.promise;
  const fast = second.change(async (_, revision) => {
    order.push(`fast ${revision}`);
    return true;
  });
  release();
  await Promise.all([slow, fast]);
  assert.deepEqual(order, ['slow 1', 'fast 2']);
});

test('a change that changes nothing, or fails, leaves the revision as it was', { skip }, async (t) => {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url);
  assert.equal(await database.change(async () => undefined), undefined);
  await assert.rejects(
    database.change(async () => {
      throw new Error('refused');
    }),
    /refused/,
  );
  assert.deepEqual(await postgres.query(url, 'SELECT value FROM flm.revision'), ['0']);
  await addKind('a')(database);
  assert.deepEqual(await postgres.query(url, 'SELECT value FROM flm.revision'), ['1']);
});

test('a listener hears each committed change with its revision, and of no other', { skip }, async (t) => {
  const database = postgresDatabase(t, await postgres.database(t));
  await database.open();
  const heard: string[] = [];
  const listening = await database.listen(
    'flm_change',
    (payload) => heard.push(payload),
    () => {},
  );
  t.after(() => listening.close());
  await addKind('a')(database);
  await database.change(async () => undefined);
  await addKind('b')(database);
  // The server sends notifications before the answer to a later statement.
  await listening.ping();
  assert.deepEqual(heard, ['1', '2']);
});

test('a listener learns that its connection has ended', { skip }, async (t) => {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url, { applicationName: 'flm listening' });
  const ended = Promise.withResolvers<void>();
  const listening = await database.listen('flm_change', () => {}, ended.resolve);
  t.after(() => listening.close());
  await postgres.query(
    url,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'flm listening'",
  );
  await ended.promise;
  await assert.rejects(listening.ping(), fails('STORE_UNREACHABLE'));
});

test('a database that a newer flm changed incompatibly is refused, also while it is open', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url);
  await database.open();
  // A later version that only adds things.
  await postgresDatabase(t, url, { migrations: [...migrations, 'CREATE TABLE flm.more (a text)'] }).open();
  await addKind('a')(database);
  const newer = { migrations: [...migrations, 'SELECT 1', { breaking: 'DROP TABLE flm.more' }] };
  await postgresDatabase(t, url, newer).open();
  await assert.rejects(addKind('b')(database), fails('STORE_NEWER'));
  await assert.rejects(postgresDatabase(t, url).open(), fails('STORE_NEWER'));
  assert.deepEqual(await postgres.query(url, 'SELECT value FROM flm.revision'), ['1']);
});

test('a migration that fails changes nothing', { skip }, async (t) => {
  const url = await postgres.database(t);
  await postgresDatabase(t, url).open();
  const broken = { migrations: [...migrations, 'CREATE TABLE flm.more (a text)', 'SELECT nothing'] };
  await assert.rejects(postgresDatabase(t, url, broken).open(), fails('STORE_REFUSED'));
  assert.deepEqual(await postgres.query(url, "SELECT to_regclass('flm.more') IS NULL"), ['t']);
  assert.deepEqual(await postgresDatabase(t, url).version(), { found: migrations.length, oldest: 1 });
});

test('after a restart of the server the next call works again, on the same store', { skip }, async (t) => {
  const database = postgresDatabase(t, await postgres.database(t));
  const count = () => database.find((row) => integer(row, 'value'), 'SELECT value FROM flm.revision');
  // Several idle connections.
  await Promise.all([count(), count(), count()]);
  await postgres.stop();
  await assert.rejects(count(), fails('STORE_UNREACHABLE', /refused/));
  await postgres.start();
  assert.equal(await count(), 0);
  // Connections that the server ended between two calls are replaced.
  await Promise.all([count(), count(), count()]);
  await postgres.stop('crash');
  await postgres.start();
  await addKind('a')(database);
  assert.equal(await count(), 1);
});

test('a connection that breaks during a change changes nothing', { skip }, async (t) => {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url, { applicationName: 'flm breaking' });
  await assert.rejects(
    database.change(async (session) => {
      await postgres.query(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'flm breaking'",
      );
      return session.run('DELETE FROM flm.deleted');
    }),
    fails('STORE_UNREACHABLE'),
  );
  assert.equal(await database.find((row) => integer(row, 'value'), 'SELECT value FROM flm.revision'), 0);
});

test('a COMMIT without an answer says that the change may be stored or not', { skip }, async (t) => {
  const url = await postgres.database(t);
  await postgresDatabase(t, url).open();
  // Waits inside the COMMIT.
  await postgres.query(
    url,
    `CREATE FUNCTION flm.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$`,
  );
  await postgres.query(
    url,
    'CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON flm.deleted DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION flm.wait()',
  );
  const database = postgresDatabase(t, url, { applicationName: 'flm committing' });
  const change = addKind('a')(database);
  const kill =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'flm committing' AND query = 'COMMIT'";
  const caught = assert.rejects(change, fails('STORE_OUTCOME_UNKNOWN'));
  while ((await postgres.query(url, kill)).length === 0);
  await caught;
});

test('a lock, a statement and a silent server each end after the time limit', { skip }, async (t) => {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url, { queryTimeoutMs: 500 });
  await database.open();
  const holder = postgresDatabase(t, url);
  await holder.change(async () => {
    await assert.rejects(addKind('a')(database), fails('STORE_UNREACHABLE', /lock|too long/));
    return undefined;
  });
  await assert.rejects(
    database.list(() => undefined, 'SELECT pg_sleep(60)'),
    fails('STORE_UNREACHABLE', /too long/),
  );
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const address = silent.address();
  assert.ok(address !== null && typeof address === 'object');
  const lost = postgresDatabase(t, `postgres://u@127.0.0.1:${address.port}/d`, { connectTimeoutMs: 500 });
  await assert.rejects(lost.open(), fails('STORE_UNREACHABLE', /time/));
});

test('a connection that failed leaves no socket open, whatever the server answered', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const answers = [
    'N',
    'S',
    'E',
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    'R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0',
  ];
  for (const answer of answers)
    for (const query of ['', '?tls=on']) {
      // It never closes. Only a socket that is open on neither side refuses what the server still sends.
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.write(answer, 'latin1'));
        socket.once('end', () => {
          const sending = setInterval(() => socket.write('more'), 10);
          socket.once('close', () => clearInterval(sending));
        });
        closed.push(new Promise((resolve) => socket.resume().once('close', resolve)));
      });
      const closed: Promise<unknown>[] = [];
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const lost = postgresDatabase(t, `postgres://u@127.0.0.1:${port}/d${query}`, { connectTimeoutMs: 500 });
      await assert.rejects(lost.open(), fails('STORE_UNREACHABLE', /./));
      await assert.rejects(
        lost.listen(
          'flm_change',
          () => {},
          () => {},
        ),
        fails('STORE_UNREACHABLE', /./),
      );
      assert.equal(closed.length, 2);
      await Promise.all(closed);
      server.close();
    }
});

test('a server that asks for a password is named when the URL has none', { skip }, async (t) => {
  const asks = createServer((socket) => {
    socket.on('error', () => {});
    // AuthenticationSASL, then AuthenticationSASLContinue.
    socket.once('data', () => {
      socket.write('R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0', 'latin1');
      socket.once('data', () => socket.write('R\0\0\0\x14\0\0\0\x0br=a,s=YQ,i=1', 'latin1'));
    });
  });
  await once(asks.listen(0, '127.0.0.1'), 'listening');
  t.after(() => asks.close());
  const { port } = asks.address() as AddressInfo;
  const lost = postgresDatabase(t, `postgres://u@127.0.0.1:${port}/d`);
  await assert.rejects(
    lost.open(),
    fails('STORE_UNREACHABLE', /it asks for a password, and the URL has none/),
  );
});

test('a wrong password, database or right names what was refused and no password', { skip }, async (t) => {
  const url = await postgres.database(t);
  await postgres.query(url, 'DROP ROLE IF EXISTS weak');
  await postgres.query(url, "CREATE ROLE weak LOGIN PASSWORD 'hunter2'");
  const at = new URL(url);
  const failure = async (changed: string): Promise<string> => {
    const error: unknown = await postgresDatabase(t, changed)
      .open()
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof FlmError);
    assert.equal(error.code, 'STORE_REFUSED');
    return error.message;
  };
  assert.match(await failure(`postgres://postgres@${at.host}/nowhere`), /"nowhere" does not exist/);
  const weak = await failure(`postgres://weak:hunter2@${at.host}${at.pathname}`);
  assert.match(weak, /permission denied/);
  assert.doesNotMatch(weak, /hunter2/);
});

test('a row that somebody edited is reported as such', { skip }, async (t) => {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url);
  await assert.rejects(
    database.find((row) => text(row, 'value'), 'SELECT value FROM flm.revision'),
    fails('STORE_ROW_INVALID', /value is no text/),
  );
});

/** Runs TLS with a certificate for this name on the server, until the end of the test. Returns the certificate. */
async function serveTls(t: TestContext, url: string, name: string): Promise<string> {
  const { key, cert } = testCertificate(name);
  const [folder = ''] = await postgres.query(url, 'SHOW data_directory');
  // The server makes the files itself, because it refuses a key of another user.
  const write = async (file: string, content: string): Promise<void> => {
    const program = `cat > ${folder}/${file} && chmod 600 ${folder}/${file}`;
    const lines = content
      .trim()
      .split('\n')
      .map((line) => `('${line}')`);
    await postgres.query(url, `COPY (VALUES ${lines.join(', ')}) TO PROGRAM '${program}'`);
  };
  await write('test.key', key);
  await write('test.crt', cert);
  const set = async (settings: Readonly<Record<string, string>>): Promise<void> => {
    for (const [setting, value] of Object.entries(settings))
      await postgres.query(url, `ALTER SYSTEM SET ${setting} = '${value}'`);
    await postgres.stop();
    await postgres.start();
  };
  await set({ ssl_cert_file: 'test.crt', ssl_key_file: 'test.key', ssl: 'on' });
  atEnd(t, () => set({ ssl: 'off' }));
  const file = join(temporaryHome(t), 'ca.pem');
  writeFileSync(file, cert);
  return file;
}

test('TLS connects only to a server with a trusted certificate for its host', { skip }, async (t) => {
  const url = await postgres.database(t);
  const ca = await serveTls(t, url, '127.0.0.1');
  const trusting = postgresDatabase(t, `${url}?tls=on&ca=${ca}`);
  const encrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
  assert.deepEqual(await trusting.inspect((session) => session.list((row) => row.ssl, encrypted)), [true]);
  const untrusting = postgresDatabase(t, `${url}?tls=on`);
  await assert.rejects(untrusting.open(), fails('STORE_UNREACHABLE', /certificate is not trusted/));
  const fileless = postgresDatabase(t, `${url}?tls=on&ca=/nowhere.pem`);
  await assert.rejects(fileless.open(), fails('STORE_UNREACHABLE', /cannot read the CA file/));
});

test('a trusted certificate for another name, and a server without TLS, are refused', { skip }, async (t) => {
  const url = await postgres.database(t);
  const plain = postgresDatabase(t, `${url}?tls=on`);
  await assert.rejects(plain.open(), fails('STORE_UNREACHABLE', /does not support SSL/));
  const ca = await serveTls(t, url, 'other.example');
  const misled = postgresDatabase(t, `${url}?tls=on&ca=${ca}`);
  await assert.rejects(misled.open(), fails('STORE_UNREACHABLE', /certificate is for another name/));
});

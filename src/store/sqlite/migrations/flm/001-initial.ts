/**
 * `flm.db`, version 1: profiles, handles, keys, policy, engines, aliases.
 *
 * Triggers increment each table's `revision`, so that a running proxy can check in one small read whether anything
 * changed. Each key stores the revision of its last change, and deleted keys leave their id, so that a proxy reads only
 * changes:
 *
 *   revision: api_key = 7     api_key: a (5), c (7)     api_key_removed: b (6)
 *   a proxy that has seen 5 reads c and removes b
 *
 * Ids of deleted keys are dropped after `removedKept` changes. A proxy that is further behind reads everything. A
 * released migration is never edited; the next one fixes it.
 */

/** For how many changes the ids of deleted keys are kept. */
export const removedKept = 100_000;

const counted = (table: string): string =>
  ['INSERT', 'UPDATE', 'DELETE']
    .map(
      (event) => `
      CREATE TRIGGER ${table}_after_${event.toLowerCase()} AFTER ${event} ON ${table} BEGIN
        UPDATE revision SET value = value + 1 WHERE name = '${table}';
      END;`,
    )
    .join('');

export const initialFlm = `
  CREATE TABLE revision (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO revision (name, value) VALUES ('api_key', 0), ('policy', 0), ('engine', 0), ('model_alias', 0);

  CREATE TABLE profile (
    name TEXT PRIMARY KEY,
    config TEXT NOT NULL CHECK (json_valid(config)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE proxy_handle (
    id TEXT PRIMARY KEY,
    nonce TEXT NOT NULL,
    pid INTEGER NOT NULL,
    port INTEGER NOT NULL,
    mode TEXT NOT NULL,
    addresses TEXT NOT NULL CHECK (json_valid(addresses)),
    started_at INTEGER NOT NULL,
    profile TEXT NOT NULL,
    process_start TEXT NOT NULL,
    control_path TEXT NOT NULL,
    draining INTEGER NOT NULL CHECK (draining IN (0, 1))
  ) STRICT;

  CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    scopes TEXT NOT NULL CHECK (json_valid(scopes)),
    models TEXT NOT NULL CHECK (json_valid(models)),
    engines TEXT NOT NULL CHECK (json_valid(engines)),
    endpoints TEXT NOT NULL CHECK (json_valid(endpoints)),
    addresses TEXT NOT NULL CHECK (json_valid(addresses)),
    requests_per_minute INTEGER,
    burst INTEGER,
    tokens_per_minute INTEGER,
    tokens_per_day INTEGER,
    concurrency INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    revision INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX api_key_by_revision ON api_key (revision);
  CREATE TABLE api_key_removed (id TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
  CREATE INDEX api_key_removed_by_revision ON api_key_removed (revision);

  CREATE TRIGGER api_key_after_insert AFTER INSERT ON api_key BEGIN
    UPDATE revision SET value = value + 1 WHERE name = 'api_key';
    UPDATE api_key SET revision = (SELECT value FROM revision WHERE name = 'api_key') WHERE id = NEW.id;
    DELETE FROM api_key_removed WHERE id = NEW.id;
  END;
  -- The write of the revision itself counts as no change.
  CREATE TRIGGER api_key_after_update AFTER UPDATE ON api_key WHEN NEW.revision = OLD.revision BEGIN
    UPDATE revision SET value = value + 1 WHERE name = 'api_key';
    UPDATE api_key SET revision = (SELECT value FROM revision WHERE name = 'api_key') WHERE id = NEW.id;
  END;
  CREATE TRIGGER api_key_after_delete AFTER DELETE ON api_key BEGIN
    UPDATE revision SET value = value + 1 WHERE name = 'api_key';
    INSERT OR REPLACE INTO api_key_removed (id, revision)
      VALUES (OLD.id, (SELECT value FROM revision WHERE name = 'api_key'));
    DELETE FROM api_key_removed
      WHERE revision <= (SELECT value FROM revision WHERE name = 'api_key') - ${removedKept};
  END;

  CREATE TABLE policy (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    body TEXT NOT NULL CHECK (json_valid(body))
  ) STRICT;
  ${counted('policy')}

  CREATE TABLE engine (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    kind TEXT,
    api_key TEXT CHECK (api_key IS NULL OR json_valid(api_key)),
    slots INTEGER,
    created_at INTEGER NOT NULL
  ) STRICT;
  ${counted('engine')}

  CREATE TABLE model_alias (name TEXT PRIMARY KEY, target TEXT NOT NULL) STRICT;
  ${counted('model_alias')}
`;

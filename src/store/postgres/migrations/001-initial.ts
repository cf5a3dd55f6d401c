/**
 * PostgreSQL, version 1: everything that machines share, in the schema `flm`.
 *
 * `revision` is one row. Each transaction that changes keys, policy, engines, aliases, profiles or shares increments it
 * before its first change, and its row lock keeps such transactions in order:
 *
 *   revision: 7     api_key: a (5), c (7)     deleted: key b (6)
 *   a node that has seen 5 reads c and removes b
 *
 * A sequence could not replace it: numbers of a sequence become visible in another order than they were given. Ids of
 * deleted rows are dropped after `deletedKept` changes; a node that is further behind reads everything.
 *
 * JSON that repositories write is text, not jsonb, which cannot hold every string. Times are milliseconds since 1970,
 * but the server's own clock decides about nodes and leases. Text is compared byte by byte, as in SQLite.
 *
 * A released migration is never edited; the next one fixes it.
 */

/** For how many changes the ids of deleted rows are kept. */
export const deletedKept = 100_000;

const counts = `
  family_id flm.name NOT NULL,
  requests bigint NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  estimated_requests bigint NOT NULL,
  duration_ms bigint NOT NULL DEFAULT 0,
  cached_tokens bigint NOT NULL DEFAULT 0,
  cache_prompt_tokens bigint NOT NULL DEFAULT 0,
  ${Array.from({ length: 11 }, (_, i) => `fb${i} bigint NOT NULL DEFAULT 0`).join(', ')}`;

const auditColumns = `
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at bigint NOT NULL,
  actor flm.name NOT NULL,
  action flm.name NOT NULL,
  subject flm.name NOT NULL,
  before text,
  after text`;

export const initial = `
  CREATE DOMAIN flm.name AS text COLLATE "C";

  CREATE TABLE flm.revision (
    id smallint PRIMARY KEY CHECK (id = 1),
    value bigint NOT NULL,
    -- Tells one database from another, so that a node that is pointed to another one reads everything.
    store uuid NOT NULL DEFAULT gen_random_uuid()
  );
  INSERT INTO flm.revision (id, value) VALUES (1, 0);

  CREATE TABLE flm.deleted (
    kind flm.name NOT NULL,
    id flm.name NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (kind, id)
  );
  CREATE INDEX deleted_by_revision ON flm.deleted (revision);

  CREATE TABLE flm.profile (
    name flm.name PRIMARY KEY,
    config text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    revision bigint NOT NULL
  );

  CREATE TABLE flm.api_key (
    id flm.name PRIMARY KEY,
    label flm.name NOT NULL,
    digest flm.name NOT NULL UNIQUE,
    prefix flm.name NOT NULL,
    scopes text NOT NULL,
    models text NOT NULL,
    engines text NOT NULL,
    endpoints text NOT NULL,
    addresses text NOT NULL,
    requests_per_minute bigint,
    burst bigint,
    tokens_per_minute bigint,
    tokens_per_day bigint,
    concurrency bigint,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    family_id flm.name NOT NULL,
    paused_at bigint,
    owner flm.name,
    note text,
    revision bigint NOT NULL
  );
  CREATE INDEX api_key_by_revision ON flm.api_key (revision);
  CREATE INDEX api_key_by_creation ON flm.api_key (created_at, id);
  CREATE INDEX api_key_by_label ON flm.api_key (label);
  CREATE INDEX api_key_by_family ON flm.api_key (family_id);

  CREATE TABLE flm.policy (
    id smallint PRIMARY KEY CHECK (id = 1),
    body text NOT NULL,
    revision bigint NOT NULL
  );

  -- api_key: a reference as JSON. A secret given as a value is only in sealed, encrypted under the store key sealed_by.
  CREATE TABLE flm.engine (
    id flm.name PRIMARY KEY,
    url text NOT NULL,
    kind flm.name,
    api_key text,
    sealed bytea,
    sealed_by flm.name,
    slots bigint,
    ca_file text,
    created_at bigint NOT NULL,
    revision bigint NOT NULL
  );

  CREATE TABLE flm.model_alias (name flm.name PRIMARY KEY, target flm.name NOT NULL, revision bigint NOT NULL);

  -- What files of flm apply have listed.
  CREATE TABLE flm.applied (kind flm.name NOT NULL, name flm.name NOT NULL, PRIMARY KEY (kind, name));

  CREATE TABLE flm.share (
    id flm.name PRIMARY KEY,
    request text NOT NULL,
    digest flm.name NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    created_by flm.name NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint,
    redeemed_at bigint,
    redeemed_from flm.name,
    key_id flm.name,
    revision bigint NOT NULL
  );

  -- Changes and actions, in the order of the lock on revision; and what proxies report about refused logins.
  CREATE TABLE flm.audit (${auditColumns});
  CREATE TABLE flm.refusal (${auditColumns});

  CREATE TABLE flm.usage_day (
    day flm.name NOT NULL,
    key_id flm.name NOT NULL,
    family_id flm.name NOT NULL,
    model flm.name NOT NULL,
    requests bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    estimated_requests bigint NOT NULL,
    -- The transaction that wrote the row last: proxies read only the families whose usage has changed.
    written_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (day, key_id, model)
  );
  CREATE INDEX usage_day_by_family ON flm.usage_day (family_id, day);
  CREATE INDEX usage_day_by_writing ON flm.usage_day (day, written_by);
  CREATE FUNCTION flm.note_writing() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.written_by := pg_current_xact_id(); RETURN NEW; END';
  CREATE TRIGGER usage_day_written BEFORE INSERT OR UPDATE ON flm.usage_day
    FOR EACH ROW EXECUTE FUNCTION flm.note_writing();

  CREATE TABLE flm.usage_hour (
    hour bigint NOT NULL,
    key_id flm.name NOT NULL,
    model flm.name NOT NULL,
    engine flm.name NOT NULL,
    ending flm.name NOT NULL,
    ${counts},
    PRIMARY KEY (hour, key_id, model, engine, ending)
  );

  CREATE TABLE flm.usage_rollup (
    day flm.name NOT NULL,
    key_id flm.name NOT NULL,
    model flm.name NOT NULL,
    engine flm.name NOT NULL,
    ending flm.name NOT NULL,
    ${counts},
    PRIMARY KEY (day, key_id, model, engine, ending)
  );

  CREATE TABLE flm.last_used (key_id flm.name PRIMARY KEY, at bigint NOT NULL, address flm.name NOT NULL);

  -- The number of each writer's last batch of usage, so that a batch that is sent again counts once.
  CREATE TABLE flm.flush (writer flm.name PRIMARY KEY, sequence bigint NOT NULL, at bigint NOT NULL);

  CREATE TABLE flm.retention (
    id smallint PRIMARY KEY CHECK (id = 1),
    hourly_days bigint NOT NULL,
    daily_days bigint NOT NULL,
    audit_days bigint NOT NULL
  );
  INSERT INTO flm.retention VALUES (1, 90, 1096, 366);

  -- Heartbeats of running proxies. report: JSON that the proxies define.
  CREATE TABLE flm.nodes (
    id flm.name PRIMARY KEY,
    name flm.name NOT NULL,
    version flm.name NOT NULL,
    url text NOT NULL,
    started_at bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL,
    report jsonb NOT NULL
  );

  -- Files that machines share, such as certificates: encrypted under the store key sealed_by.
  CREATE TABLE flm.file (
    path flm.name PRIMARY KEY,
    sealed bytea NOT NULL,
    sealed_by flm.name NOT NULL,
    modified_at timestamptz NOT NULL DEFAULT now()
  );

  -- A lock that lapses when its holder dies.
  CREATE TABLE flm.lease (
    name flm.name PRIMARY KEY,
    holder flm.name NOT NULL,
    ends_at timestamptz NOT NULL
  );
`;

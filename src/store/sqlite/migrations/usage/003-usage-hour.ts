/**
 * `usage.db`, version 3: usage by UTC hour, key, model, engine and ending, with a histogram of the time to the first
 * byte (`fb0` to `fb10`, bounds in `core/usage/usage-report.ts`). Hours that are past their retention are added up in
 * `usage_rollup`, by UTC day. Days from before this version stay unchanged, without engine and ending.
 *
 * `usage_day` stays: daily budgets and older versions read it.
 */
const counts = `
  family_id TEXT NOT NULL,
  requests INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  estimated_requests INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL DEFAULT 0,
  ${Array.from({ length: 11 }, (_, i) => `fb${i} INTEGER NOT NULL DEFAULT 0`).join(', ')}`;

export const usageHour = `
  CREATE TABLE usage_hour (
    hour INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    engine TEXT NOT NULL,
    ending TEXT NOT NULL,
    ${counts},
    PRIMARY KEY (hour, key_id, model, engine, ending)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE usage_rollup (
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    engine TEXT NOT NULL,
    ending TEXT NOT NULL,
    ${counts},
    PRIMARY KEY (day, key_id, model, engine, ending)
  ) STRICT, WITHOUT ROWID;

  INSERT INTO usage_rollup
    (day, key_id, model, engine, ending, family_id, requests, input_tokens, output_tokens, estimated_requests)
  SELECT day, key_id, model, '', '', family_id, requests, input_tokens, output_tokens, estimated_requests
  FROM usage_day;

  CREATE TABLE retention (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hourly_days INTEGER NOT NULL,
    daily_days INTEGER NOT NULL,
    audit_days INTEGER NOT NULL
  ) STRICT;
  INSERT INTO retention VALUES (1, 90, 1096, 366);
`;

/**
 * `usage.db`, version 1: usage by day, last use of keys, the audit. Written often; it may lose its last second.
 *
 * `flush` stores the number of each proxy's last batch, so that a batch that is sent again after a crash counts once. A
 * released migration is never edited; the next one fixes it.
 */
export const initialUsage = `
  CREATE TABLE usage_day (
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    estimated_requests INTEGER NOT NULL,
    PRIMARY KEY (day, key_id, model)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE last_used (
    key_id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    address TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT
  ) STRICT;

  CREATE TABLE flush (
    writer TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

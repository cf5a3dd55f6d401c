/** `usage.db`, version 6: entries of proxies about refused logins are a chain of hashes of their own. */
export const refusalChain = `
  ALTER TABLE audit ADD COLUMN source TEXT;
  ALTER TABLE audit ADD COLUMN seq INTEGER;
  ALTER TABLE audit ADD COLUMN hash TEXT;
  CREATE UNIQUE INDEX audit_by_seq ON audit (seq) WHERE seq IS NOT NULL;
  CREATE INDEX audit_without_seq ON audit (id) WHERE seq IS NULL;
  CREATE TABLE refusal_chain (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    base_seq INTEGER NOT NULL,
    base_hash TEXT NOT NULL,
    head_seq INTEGER NOT NULL,
    head_hash TEXT NOT NULL
  ) STRICT;
  INSERT INTO refusal_chain VALUES (1, 0, '', 0, '');
`;

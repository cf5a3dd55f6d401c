/**
 * `flm.db`, version 9: the audit of changes is a chain of hashes; see src/core/audit/audit-chain.ts. `source` says that a
 * file of `flm apply` made a change. Rows of an older flm have no hash until this one opens the file.
 */
export const auditChain = `
  ALTER TABLE audit ADD COLUMN source TEXT;
  ALTER TABLE audit ADD COLUMN seq INTEGER;
  ALTER TABLE audit ADD COLUMN hash TEXT;
  CREATE UNIQUE INDEX audit_by_seq ON audit (seq) WHERE seq IS NOT NULL;
  CREATE INDEX audit_without_seq ON audit (id) WHERE seq IS NULL;
  CREATE TABLE audit_chain (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    base_seq INTEGER NOT NULL,
    base_hash TEXT NOT NULL,
    head_seq INTEGER NOT NULL,
    head_hash TEXT NOT NULL
  ) STRICT;
  INSERT INTO audit_chain VALUES (1, 0, '', 0, '');
`;

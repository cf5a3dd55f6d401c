/**
 * `flm.db`, version 3: families of keys, and the audit of changes in the same file as the changed rows.
 *
 * A key without `family_id` is the first of its family. An older flm writes keys without `family_id`. `takeover` lists
 * data that must still be copied from another file; see audit-takeover.ts.
 */
export const keyFamily = `
  ALTER TABLE api_key ADD COLUMN family_id TEXT;

  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT
  ) STRICT;

  CREATE TABLE takeover (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  INSERT INTO takeover (name) VALUES ('audit');
`;

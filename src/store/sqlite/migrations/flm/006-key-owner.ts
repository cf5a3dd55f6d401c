/**
 * `flm.db`, version 6: who answers for a key, and a note. An older flm writes keys without them. The index serves the
 * check that no two active keys have one label, which an import of a thousand keys makes a thousand times.
 */
export const keyOwner = `
  ALTER TABLE api_key ADD COLUMN owner TEXT;
  ALTER TABLE api_key ADD COLUMN note TEXT;
  CREATE INDEX api_key_by_label ON api_key (label);
`;

/** `flm.db`, version 7: shares, which become keys when they are redeemed. */
export const share = `
  CREATE TABLE share (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    redeemed_at INTEGER,
    redeemed_from TEXT,
    key_id TEXT
  ) STRICT, WITHOUT ROWID;
`;

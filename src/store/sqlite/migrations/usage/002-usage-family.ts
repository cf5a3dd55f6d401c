/** `usage.db`, version 2: the family of the key, whose daily limit counts all its keys. Empty: the key alone. */
export const usageFamily = `
  ALTER TABLE usage_day ADD COLUMN family_id TEXT NOT NULL DEFAULT '';
`;

/** `flm.db`, version 5: keys that are paused. Keys that an older flm writes are not. */
export const pausedKey = `
  ALTER TABLE api_key ADD COLUMN paused_at INTEGER;
`;

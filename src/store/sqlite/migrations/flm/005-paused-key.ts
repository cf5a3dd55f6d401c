/** `flm.db`, version 5: keys that are paused. Keys written by an older flm are not paused. */
export const pausedKey = `
  ALTER TABLE api_key ADD COLUMN paused_at INTEGER;
`;

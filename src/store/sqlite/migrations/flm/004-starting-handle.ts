/**
 * `flm.db`, version 4: handles are saved as soon as the port is bound, and record that the proxy is still starting.
 *
 * Handles written by an older flm belong to proxies that serve.
 */
export const startingHandle = `
  ALTER TABLE proxy_handle ADD COLUMN starting INTEGER NOT NULL DEFAULT 0 CHECK (starting IN (0, 1));
`;

/**
 * `flm.db`, version 4: handles are saved as soon as the port is bound, and say that the proxy still starts.
 *
 * Handles that an older flm writes are of proxies that serve.
 */
export const startingHandle = `
  ALTER TABLE proxy_handle ADD COLUMN starting INTEGER NOT NULL DEFAULT 0 CHECK (starting IN (0, 1));
`;

/** `flm.db`, version 2: the path of a CA file for an engine's certificate. */
export const engineCa = `
  ALTER TABLE engine ADD COLUMN ca_file TEXT;
`;

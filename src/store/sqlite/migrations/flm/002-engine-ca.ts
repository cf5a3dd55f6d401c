/** `flm.db`, version 2: the CA that an engine's certificate comes from, as the path of a file. */
export const engineCa = `
  ALTER TABLE engine ADD COLUMN ca_file TEXT;
`;

/** `flm.db`, version 8: what files of `flm apply` have listed, so that `--prune` removes nothing else. */
export const applied = `
  CREATE TABLE applied (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
`;

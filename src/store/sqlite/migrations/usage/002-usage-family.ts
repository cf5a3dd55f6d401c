/**
 * `usage.db`, version 2: the family of the key, whose daily limit counts all its keys. Empty: only the key itself.
 *
 * The audit of 0.1.0 in the same file records key rotations. Without them, the daily budget of a rotated key would
 * start again at the upgrade.
 */
export const usageFamily = `
  ALTER TABLE usage_day ADD COLUMN family_id TEXT NOT NULL DEFAULT '';
  WITH RECURSIVE
    rotation (old, new) AS (
      SELECT subject, CASE WHEN json_valid(after) THEN json_extract(after, '$.id') END AS successor
      FROM audit WHERE action = 'key.rotate' AND successor IS NOT NULL
    ),
    member (id, family) AS (
      SELECT old, old FROM rotation WHERE old NOT IN (SELECT new FROM rotation)
      UNION
      SELECT new, family FROM rotation JOIN member ON old = id
    )
  UPDATE usage_day SET family_id = (SELECT family FROM member WHERE id = key_id)
  WHERE key_id IN (SELECT id FROM member);
`;

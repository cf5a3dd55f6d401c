/** `usage.db`, version 4: finds the usage of one family of keys without a scan of the others. */
export const familyIndex = 'CREATE INDEX usage_day_by_family ON usage_day (family_id, day)';

/**
 * `usage.db`, version 5: tokens that engines took from their prompt caches, and all prompt tokens of the requests whose
 * engine reported that.
 */
export const usageCache = ['usage_hour', 'usage_rollup']
  .flatMap((table) => ['cached_tokens', 'cache_prompt_tokens'].map((column) => [table, column] as const))
  .map(([table, column]) => `ALTER TABLE ${table} ADD COLUMN ${column} INTEGER NOT NULL DEFAULT 0;`)
  .join('\n');

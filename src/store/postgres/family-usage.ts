/** The usage of one family of keys by day and model. An index finds the rows, so other keys cost nothing. */
import type { FamilyUsage } from '../../core/security/ports.ts';
import { integer, text } from '../rows.ts';
import type { SqlSession } from './sql-session.ts';

const counts = ['requests', 'input_tokens', 'output_tokens', 'estimated_requests'];

export function usageOfFamily(
  database: SqlSession,
  familyId: string,
  days: readonly string[],
): Promise<readonly FamilyUsage[]> {
  const sums = counts.map((c) => `least(sum(${c}), ${Number.MAX_SAFE_INTEGER})::bigint AS ${c}`);
  return database.list(
    (row) => ({
      day: text(row, 'day'),
      model: text(row, 'model'),
      requests: integer(row, 'requests'),
      inputTokens: integer(row, 'input_tokens'),
      outputTokens: integer(row, 'output_tokens'),
      estimatedRequests: integer(row, 'estimated_requests'),
    }),
    `SELECT day, model, ${sums.join(', ')} FROM flm.usage_day
     WHERE family_id = $1 AND day = ANY ($2::text[]) GROUP BY day, model ORDER BY day, model`,
    familyId,
    days,
  );
}

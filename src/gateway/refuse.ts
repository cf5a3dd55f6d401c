/**
 * A refusal on its way out: status, fields and the envelope of the dialect that the client speaks. Public text comes
 * from the error table and its parameters alone.
 */
import { type ErrorParams, errorHint, errorTable, errorText } from '../core/errors.ts';
import { baseUrl, clientName, dialectOf } from './advice.ts';
import type { Exchange, Refusal } from './exchange.ts';
import { errorEnvelope } from './relay/dialects.ts';

/** Answers once; nothing happens where the reply is committed or the client left. */
export function refuse(x: Exchange, refusal: Refusal): void {
  if (x.over || x.reply.committed) return;
  const row = errorTable[refusal.code];
  const fields = ['content-type', 'application/json', ...commonFields(x), ...(refusal.fields ?? [])];
  if (row.status === 401) fields.push('www-authenticate', 'Bearer');
  const dialect = dialectOf(x);
  const params: ErrorParams = {
    base: baseUrl(x, dialect),
    clients: clientName(dialect),
    ...refusal.params,
  };
  const { code, rule, ending = 'refused' } = refusal;
  x.conclude({ ending, status: row.status, code, rule, params });
  const message = `${errorText(refusal.code, params)} ${errorHint(refusal.code, params)}`;
  x.reply.whole(
    row.status,
    fields,
    errorEnvelope(dialect, refusal.code, message, x.id),
    refusal.close === true,
  );
}

/** What stands in every answer: the request id under both names, CORS, rates. */
export function commonFields(x: Exchange): string[] {
  const fields = ['x-request-id', x.id, 'request-id', x.id];
  if (x.cors !== undefined) fields.push(...x.cors);
  if (x.rate !== undefined) fields.push(...x.rate);
  return fields;
}

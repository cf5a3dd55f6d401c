/** The error response of the admin API and of the server of its pages. */
import type { FlmError } from '../core/errors.ts';
import { errorDocument } from './error-document.ts';
import type { AdminResponse } from './operation.ts';

/** The path of every operation begins with it. */
export const adminBasePath = '/flm/api/v1';

export function errorResponse(error: FlmError): AdminResponse & { readonly body: string } {
  return {
    status: error.row.status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: `${JSON.stringify(errorDocument(error))}\n`,
  };
}

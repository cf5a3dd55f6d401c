/**
 * Turns failures of the PostgreSQL driver into a `StoreError` that names the database without its password.
 *
 * Errors of the server have an SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html). The driver's own errors
 * about a connection have no code, so each error of the driver that is not from the server is a failed connection.
 */
import { DatabaseError } from 'pg';
import { FlmError, StoreError } from '../../core/errors.ts';

/** The server did not do the work, and another try may succeed. */
const passing: ReadonlyMap<string, string> = new Map([
  ['40001', 'another change came first'],
  ['40P01', 'two changes waited for each other'],
  ['53300', 'it has no connection left (max_connections)'],
  ['53200', 'it has no memory left'],
  ['55P03', 'another program holds a lock'],
  ['57014', 'the statement took too long'],
  ['57P01', 'it was shut down'],
  ['57P02', 'it crashed'],
  ['57P03', 'it is starting or stopping'],
  ['57P05', 'the session was idle for too long'],
  ['25P03', 'the transaction was idle for too long'],
]);

const connectionCodes: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'the connection was refused'],
  ['ECONNRESET', 'the connection was reset'],
  ['EPIPE', 'the connection was reset'],
  ['ENOENT', 'its socket does not exist'],
  ['EACCES', 'this user may not open its socket'],
  ['ENOTFOUND', 'its name is unknown'],
  ['EAI_AGAIN', 'no name server answered'],
  ['ETIMEDOUT', 'it did not answer in time'],
  ['EHOSTUNREACH', 'there is no route to it'],
  ['ENETUNREACH', 'there is no route to it'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is not trusted (the parameter ca names a CA file)'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'its certificate is not trusted (the parameter ca names a CA file)'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its certificate is not trusted (the parameter ca names a CA file)'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'its certificate is not trusted (the parameter ca names a CA file)'],
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
]);

/** `shown` is the URL of the database without its password. Violated constraints pass through. */
export function databaseFailure(error: unknown, shown: string): unknown {
  if (error instanceof FlmError || !(error instanceof Error)) return error;
  const failure = (code: 'STORE_UNREACHABLE' | 'STORE_REFUSED' | 'STORE_FULL', reason: string): StoreError =>
    new StoreError(code, { params: { database: shown, file: shown, reason }, cause: error });
  if (!isFromServer(error)) return failure('STORE_UNREACHABLE', connectionReason(error));
  const state = error.code ?? '';
  if (state.startsWith('23')) return error;
  if (state === '53100') return failure('STORE_FULL', error.message);
  if (state === '25006') return failure('STORE_REFUSED', 'it is read-only, such as a standby');
  const reason = passing.get(state);
  if (reason !== undefined || state.startsWith('08'))
    return failure('STORE_UNREACHABLE', reason ?? error.message);
  return failure('STORE_REFUSED', error.message);
}

/** True if the connection can serve another statement. */
export function connectionSurvives(error: unknown): boolean {
  const found = isFromServer(error) ? error : error instanceof Error ? error.cause : undefined;
  return isFromServer(found) && found.severity === 'ERROR';
}

/** True for a primary key or a unique column that exists already. */
export function isDuplicate(error: unknown): boolean {
  return isFromServer(error) && error.code === '23505';
}

function isFromServer(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError;
}

function connectionReason(error: Error): string {
  // Several addresses of one name failed.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = first instanceof Error && 'code' in first ? String(first.code) : '';
  const found = first instanceof Error ? first.message : String(first);
  // The driver's words for it name a message of its protocol.
  if (/password must be a (?:non-empty )?string/.test(found))
    return 'it asks for a password, and the URL has none';
  return connectionCodes.get(code) ?? (found === '' ? code : found.charAt(0).toLowerCase() + found.slice(1));
}

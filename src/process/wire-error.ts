/**
 * Typed errors as JSON between processes: over the control socket, and from a child to its launcher. They contain code
 * and parameters, never a cause or a stack.
 */
import {
  type ErrorCode,
  type ErrorParams,
  errorTable,
  type Fault,
  FlmError,
  ProxyError,
} from '../core/errors.ts';

export interface WireError {
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  readonly faults: readonly Fault[];
  readonly moreFaults?: number;
}

/** An error that is not flm's own becomes INTERNAL. */
export function wireErrorOf(error: unknown): WireError {
  if (!(error instanceof FlmError)) return { code: 'INTERNAL', params: {}, faults: [] };
  const { code, params, faults, moreFaults } = error;
  return { code, params, faults, ...(moreFaults > 0 ? { moreFaults } : {}) };
}

/** Returns the error of the other process, or undefined if the value is not an error. */
export function proxyErrorOf(wire: unknown): ProxyError | undefined {
  if (!isRecord(wire) || typeof wire.code !== 'string' || !Object.hasOwn(errorTable, wire.code))
    return undefined;
  const params: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(isRecord(wire.params) ? wire.params : {}))
    if (typeof value === 'string' || typeof value === 'number') params[name] = value;
  const faults = Array.isArray(wire.faults) ? wire.faults.filter(isFault) : [];
  const moreFaults = typeof wire.moreFaults === 'number' ? wire.moreFaults : 0;
  return new ProxyError(wire.code as ErrorCode, { params, faults, moreFaults });
}

function isFault(value: unknown): value is Fault {
  return (
    isRecord(value) &&
    typeof value.field === 'string' &&
    typeof value.value === 'string' &&
    typeof value.allowed === 'string'
  );
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

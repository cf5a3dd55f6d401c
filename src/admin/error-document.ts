/** The document of every error of the admin API. No cause reaches it. */
import type { Fault, FlmError } from '../core/errors.ts';

export interface ErrorDocument {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly faults?: readonly Fault[];
  };
}

export function errorDocument({ code, message, hint, faults }: FlmError): ErrorDocument {
  return { error: { code, message, hint, ...(faults.length === 0 ? {} : { faults }) } };
}

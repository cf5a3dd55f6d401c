/** Returns errors in the language of the user. JSON and logs use `message` and `hint` of the error, which are English. */
import {
  describeFaults,
  type ErrorCode,
  type ErrorParams,
  type Fault,
  FlmError,
  fillText,
} from '../../core/errors.ts';
import { t } from './texts.ts';
import { translated, translatedValue } from './translated.ts';

export interface ErrorForPeople {
  readonly message: string;
  readonly hint: string;
}

/** `nameOf` may return another name for the field of a fault, such as the flag that set it. */
export function errorForPeople(
  { code, params, faults, moreFaults }: FlmError,
  nameOf: (fault: Fault) => string | undefined = () => undefined,
): ErrorForPeople {
  if (faults.length === 0) return codeForPeople(code, params);
  const told = faults.map((fault) => ({
    ...fault,
    field: translated(fault.field),
    value: translated(fault.value),
    allowed: translated(fault.allowed),
  }));
  const described = describeFaults(told, moreFaults, nameOf, t.errors.faults);
  return codeForPeople(code, { ...params, faults: described });
}

/** What any error says, for a message of one sentence. */
export function messageForPeople(error: unknown): string {
  if (error instanceof FlmError) return errorForPeople(error).message;
  return error instanceof Error ? translated(error.message) : String(error);
}

/** The text and the hint of a code, with the values of one error. */
export function codeForPeople(code: ErrorCode, params: ErrorParams): ErrorForPeople {
  const { text, hint } = t.errorTable[code];
  const values = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, translatedValue(name, value)]),
  );
  return { message: fillText(text, values), hint: fillText(hint, values) };
}

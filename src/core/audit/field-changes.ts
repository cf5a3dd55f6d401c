/** What an entry of the audit changed: the fields that differ, those of objects inside too. */
import type { AuditEntryDocument } from './audit-document.ts';

export interface FieldChange {
  /** With dots between names, `expiresAt` for `expiresAtMs`; empty for a state that is not an object. */
  readonly field: string;
  readonly old: unknown;
  readonly fresh: unknown;
}

type IsShown = (name: string, old: unknown) => boolean;

/** A field that was empty and stays empty is left out, and so is one that is not shown. */
export function fieldChanges(
  { before, after }: Pick<AuditEntryDocument, 'before' | 'after'>,
  isShown: IsShown,
): readonly FieldChange[] {
  // An entry about something that is over has only what was there before.
  return after === null ? changesIn('', null, before, isShown) : changesIn('', before, after, isShown);
}

function changesIn(field: string, old: unknown, fresh: unknown, isShown: IsShown): readonly FieldChange[] {
  if (!isObject(old) && !isObject(fresh)) {
    const isSame = JSON.stringify(old) === JSON.stringify(fresh) || (isEmpty(old) && isEmpty(fresh));
    return isSame ? [] : [{ field: field.replace(/AtMs$/, 'At'), old, fresh }];
  }
  const [oldFields, freshFields] = [fieldsOf(old), fieldsOf(fresh)];
  return Object.keys({ ...oldFields, ...freshFields })
    .filter((name) => isShown(name, oldFields[name]))
    .flatMap((name) =>
      changesIn(field === '' ? name : `${field}.${name}`, oldFields[name], freshFields[name], isShown),
    );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? { ...value } : {};
}

export function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

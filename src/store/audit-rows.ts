/** Audit entries as both databases store them. No entry contains a secret. */
import type { AuditEntry } from '../core/security/ports.ts';
import { integer, type Row, text, textOrNull } from './rows.ts';

/** Entries that are kept; the oldest are deleted first. */
export const keptAuditRows = 100_000;

export function auditOf(row: Row): AuditEntry {
  const before = textOrNull(row, 'before');
  const after = textOrNull(row, 'after');
  return {
    atMs: integer(row, 'at'),
    actor: text(row, 'actor'),
    action: text(row, 'action'),
    subject: text(row, 'subject'),
    ...(before === null ? {} : { before }),
    ...(after === null ? {} : { after }),
  };
}

/** Matches API keys of flm anywhere in a text. */
const issuedKey = /flm_[0-9A-Za-z]{20,}/g;
const secretField = /secret|password|token$|^digest$|^authorization$|^nonce$/i;
const hidden = '[not kept]';

/** `state` is JSON as `AuditEntry` has it; other text is cleaned as text. */
export function withoutSecrets(state: string): string {
  let value: unknown;
  try {
    value = JSON.parse(state);
  } catch {
    return state.replaceAll(issuedKey, hidden);
  }
  return JSON.stringify(value, (field, part: unknown) => {
    if (typeof part === 'string')
      return secretField.test(field) ? hidden : part.replaceAll(issuedKey, hidden);
    // An engine's secret that was given as a value.
    if (typeof part === 'object' && part !== null && 'from' in part && part.from === 'value')
      return { from: 'value' };
    return part;
  });
}

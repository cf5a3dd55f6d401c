/**
 * One warning: what is wrong now, with a code, a sentence that ends with the remedy, and the command that fixes it or
 * shows more.
 */
import { z } from 'zod';

export const warningCodes = [
  'NO_PROXY',
  'PROXY_CRASHED',
  'PROXY_NOT_ANSWERING',
  'CERTIFICATE_WAITED_FOR',
  'CERTIFICATE_NOT_RENEWED',
  'CERTIFICATE_EXPIRED',
  'CLEAR_TEXT',
  'NO_KEY',
  'NO_ENGINE',
  'ONLY_DEMO',
  'ENGINE_DOWN',
  'ENGINE_EXPOSED',
  'ENGINE_UNUSABLE',
  'REVOCATION_UNWRITTEN',
  'STORE_PROBLEM',
  'KEYS_OUTDATED',
  'LIMITER_AWAY',
  'TELEMETRY_NOT_SENT',
  'BACKUP_OVERDUE',
  /** A sentence of an older flm, which has no codes. */
  'OTHER',
] as const;
export type WarningCode = (typeof warningCodes)[number];

export const warningSchema = z
  .strictObject({
    code: z.enum(warningCodes),
    message: z.string().describe('What is wrong, and what to do.'),
    command: z.string().describe('The command that fixes it, or that shows more.'),
  })
  .meta({ id: 'Warning' });
export type Warning = Readonly<z.input<typeof warningSchema>>;

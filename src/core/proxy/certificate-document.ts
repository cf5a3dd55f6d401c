/**
 * The local CA and the stored certificates as the command line (`--json`) and the admin API show them. No private key.
 */
import { z } from 'zod';

const names = z.array(z.string()).readonly();

export const authorityDocumentSchema = z
  .strictObject({
    title: z.string(),
    file: z.string().describe('On the machine of flm: the certificate without its key.'),
    fingerprint: z.string().describe('SHA-256.'),
    expiresAt: z.iso.datetime(),
    names: names.describe('The CA certifies these names and all below them.'),
    ranges: names.describe('The CA certifies addresses of these ranges.'),
  })
  .meta({ id: 'Authority' });
export type AuthorityDocument = Readonly<z.input<typeof authorityDocumentSchema>>;

export const storedCertificateSchema = z
  .strictObject({
    origin: z.enum(['local-ca', 'acme']),
    profile: z
      .string()
      .nullable()
      .describe('Null for a certificate of an ACME server, which profiles with the same domains share.'),
    shownTo: z
      .enum(['names', 'addresses'])
      .optional()
      .describe('Whether clients that use a host name get it, or those that use an address.'),
    file: z.string(),
    names: names.optional(),
    fingerprint: z.string().optional().describe('SHA-256.'),
    expiresAt: z.iso.datetime().optional(),
    damage: z.string().nullable().optional().describe('Why the file cannot be used.'),
  })
  .meta({ id: 'Certificate' });
export type StoredCertificateDocument = Readonly<z.input<typeof storedCertificateSchema>>;

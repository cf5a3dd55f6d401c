/**
 * The record of attempts with an ACME server for one certificate. It is stored beside the certificate, because a proxy
 * that a supervisor restarts again and again must not order again and again.
 */
import { z } from 'zod';
import type { CertificateStorage } from '../certificate-storage.ts';

const schema = z.object({
  /** Times of orders that failed or whose end is unknown. */
  failedOrdersAtMs: z.array(z.number()).max(100).default([]),
  /** The CA asked for no request before this time. */
  caNotBeforeMs: z.number().default(0),
  /** Failures in a row. */
  failures: z.number().default(0),
  /** When the next attempt makes sense. */
  retryAtMs: z.number().default(0),
  /** A user asked for a new certificate now: `flm cert renew`. */
  asked: z.boolean().default(false),
});

export type FailedOrders = Readonly<z.output<typeof schema>>;

export const nothingTried: FailedOrders = schema.parse({});

/** A damaged file counts as empty: the record protects only the CA from too many orders. */
export async function readTries(store: CertificateStorage, name: string): Promise<FailedOrders> {
  const text = await store.note(name, 'tries');
  if (text === undefined) return nothingTried;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return nothingTried;
  }
}

export async function keepTries(
  store: CertificateStorage,
  name: string,
  record: FailedOrders,
): Promise<void> {
  await store.keepNote(name, 'tries', JSON.stringify(record));
}

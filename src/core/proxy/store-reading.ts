/** How current the keys and the policy of a proxy are, for status and metrics. */
export interface StoreReading {
  /** The database, without a password. */
  readonly database: string;
  /** When the last successful look began; null before the first one. */
  readonly readAtMs: number | null;
  readonly ageMs: number;
  /** The age at which the keys of the store are refused; null: never. */
  readonly maxAgeMs: number | null;
  readonly isExpired: boolean;
  /** Since when counted usage waits to be written, because the database does not answer; null: it does not wait. */
  readonly usageWaitsSinceMs: number | null;
}

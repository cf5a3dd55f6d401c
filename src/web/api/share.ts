/** The documents of shares, as the admin API gives them. */
import type { ShareDocument } from '../../core/security/share-document.ts';

export type ShareWithLink = ShareDocument & {
  readonly token: string;
  /** The link under each address of a running proxy, best first. */
  readonly links: readonly string[];
};

/**
 * What the steps of the pipeline found out about a head that its connection remembers (`http/head-memory.ts`): only what
 * follows from the bytes of the head and from settings that last as long as the process. The first request with the head
 * fills these fields, later requests with the same bytes read them. Whatever can change is judged for every request:
 * addresses, the state of the key, limits, and whether the proxy stops.
 */
import type { Route } from './routes.ts';

export const credentialFields = ['authorization', 'x-api-key', 'api-key'] as const;

/** A credential in a head. Only its digest is kept. */
export interface HeadCredential {
  readonly field: (typeof credentialFields)[number];
  /** SHA-256, in hex, of a token that may be a key of flm; with a prefix for anything else. */
  readonly digest: string;
  /** False for schemes other than Bearer, which never hold a key of flm. */
  readonly mayBeKey: boolean;
}

export class HeadFindings {
  /** guard: the path, in memory of its own. Set once every rule about the head accepted it. */
  path: string | undefined;
  /** auth: the credentials that are not empty. */
  credentials: readonly HeadCredential[] | undefined;
  /** router: the matched row and its values. Set only for requests with a key, whose engine may get them. */
  route: Route | undefined;
  params: readonly string[] = [];
}

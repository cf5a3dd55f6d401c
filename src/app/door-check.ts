/**
 * Asks for the models through a proxy's own door, as a client would: the proof of a first run. Never a generation, which
 * could load a model for minutes.
 */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

export type DoorCheck =
  | { readonly ok: true; readonly models: readonly DoorModel[] }
  /** `reason` completes "The proxy ...". */
  | { readonly ok: false; readonly reason: string };

export interface DoorModel {
  readonly id: string;
  readonly owner: string;
}

const limitMs = 5_000;

/**
 * Lets what this process asks with `fetch` from now on trust a CA of flm's own as well. Without effect on a Node that
 * cannot add to its list (before 24.5).
 */
export function trustOwnAuthority(file: string): void {
  if (typeof tls.setDefaultCACertificates !== 'function') return;
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(file, 'latin1')]);
}

/** `url` without `/v1`; `authorityFile` where its certificate is of flm's own CA. Never rejects. */
export async function askOwnDoor(
  url: string,
  key: string,
  signal: AbortSignal,
  authorityFile?: string,
): Promise<DoorCheck> {
  try {
    if (authorityFile !== undefined) trustOwnAuthority(authorityFile);
    const response = await fetch(`${url}/v1/models`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
    });
    const body: unknown = await response.json();
    if (response.status !== 200)
      return { ok: false, reason: `answered its own question with ${response.status}` };
    return { ok: true, models: modelsIn(body) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return {
      ok: false,
      reason: `did not answer its own question (${cause instanceof Error ? cause.message : String(cause)})`,
    };
  }
}

function modelsIn(body: unknown): readonly DoorModel[] {
  if (typeof body !== 'object' || body === null || !('data' in body) || !Array.isArray(body.data)) return [];
  return body.data.flatMap((entry: { readonly id?: unknown; readonly owned_by?: unknown } | null) =>
    typeof entry?.id === 'string' ? [{ id: entry.id, owner: String(entry.owned_by ?? '') }] : [],
  );
}

/**
 * Adds and changes saved engines the way people do it: an address is probed before it is saved, so that a wrong
 * address, a second entry for one server and a wrong key are refused. An engine that does not answer is saved all the
 * same.
 */
import { EngineError } from '../errors.ts';
import { understandEngineUrl } from '../proxy/engine-url.ts';
import type { EngineRecord, SecretRef } from './engine.ts';
import type { EngineDiscovery, EngineExamination } from './engine-discovery.ts';
import type { EngineChanges, EngineRegistry, NewEngine } from './engine-registry.ts';

export interface EngineChangesDeps {
  readonly engines: EngineRegistry;
  readonly discovery: EngineDiscovery;
}

export interface SavedEngine {
  readonly record: EngineRecord;
  readonly examination: EngineExamination;
  /** The canonical form of the address, if one was given. */
  readonly address?: string;
}

/** Without `id`, the id is made from the kind or the host. Throws ENGINE_INVALID, ENGINE_UNRECOGNISED. */
export async function addEngine(
  { engines, discovery }: EngineChangesDeps,
  { id: givenId, ...given }: Omit<NewEngine, 'id'> & { readonly id?: string },
  signal: AbortSignal,
): Promise<SavedEngine & { readonly address: string }> {
  const saved = await engines.list();
  const { url, kind, apiKey } = given;
  // Validated before the server is asked. Without an id, the id is made from the detected kind.
  const first = await engines.check({ ...given, id: givenId ?? freeDraftId(saved) });
  const { draft, examination } = await examineReadings(discovery, first, url, signal);
  const address = discovery.spelling(draft.url);
  refuseTwin(discovery, saved, address, url);
  if (kind === undefined) refuseWrongKey(examination, apiKey);
  const known = examination.probe.state === 'down' ? kind : examination.ref.kind;
  const id = givenId ?? discovery.suggestId(draft.url, known, new Set(saved.map((e) => e.id)));
  const record = await engines.add({ ...given, url: draft.url, id });
  return { record, examination, address };
}

/**
 * `check` sees the engine as it is saved after the probe. Throws ENGINE_NOT_FOUND, ENGINE_INVALID, ENGINE_UNRECOGNISED,
 * and what `check` throws.
 */
export async function changeEngine(
  { engines, discovery }: EngineChangesDeps,
  id: string,
  changes: EngineChanges,
  signal: AbortSignal,
  check?: (now: EngineRecord) => void,
): Promise<SavedEngine> {
  const saved = await engines.list();
  // Validated before the server is asked.
  const first = await engines.checkChange(id, changes);
  const { url } = changes;
  const { draft, examination } =
    url === undefined
      ? { draft: first, examination: await discovery.examine(first, signal) }
      : await examineReadings(discovery, first, url, signal);
  const address = url === undefined ? undefined : discovery.spelling(draft.url);
  if (url !== undefined && address !== undefined)
    refuseTwin(
      discovery,
      saved.filter((e) => e.id !== id),
      address,
      url,
    );
  if (draft.kind === undefined && draft.apiKey !== undefined) refuseWrongKey(examination, draft.apiKey);
  const moved = url === undefined ? {} : { url: draft.url };
  const record = await engines.change(id, { ...changes, ...moved }, check);
  return { record, examination, ...(address === undefined ? {} : { address }) };
}

/** Probes each server that the address may mean. Returns the first with an engine that answers, otherwise the likeliest. */
async function examineReadings(
  discovery: EngineDiscovery,
  first: EngineRecord,
  given: string,
  signal: AbortSignal,
): Promise<{ readonly draft: EngineRecord; readonly examination: EngineExamination }> {
  const drafts = [first, ...(understandEngineUrl(given)?.others ?? []).map((url) => ({ ...first, url }))];
  let silent: { readonly draft: EngineRecord; readonly examination: EngineExamination } | undefined;
  let unrecognised: unknown;
  for (const draft of drafts) {
    try {
      const examination = await discovery.examine(draft, signal);
      if (examination.probe.state !== 'down') return { draft, examination };
      silent ??= { draft, examination };
    } catch (error) {
      if (!(error instanceof EngineError && error.code === 'ENGINE_UNRECOGNISED')) throw error;
      unrecognised ??= error;
    }
  }
  if (silent !== undefined) return silent;
  throw unrecognised;
}

/** Throws ENGINE_INVALID if another engine already has this address. */
function refuseTwin(
  discovery: EngineDiscovery,
  others: readonly EngineRecord[],
  address: string,
  given: string,
): void {
  const twin = others.find((e) => discovery.spelling(e.url) === address);
  if (twin === undefined) return;
  const allowed = `an address that is not saved yet; ${twin.id} has it`;
  throw new EngineError('ENGINE_INVALID', { faults: [{ field: 'url', value: given, allowed }] });
}

/** Throws ENGINE_INVALID if the engine rejects the key. */
function refuseWrongKey({ probe }: EngineExamination, apiKey: SecretRef | undefined): void {
  if (probe.state !== 'down' || probe.reason !== 'unauthorised') return;
  const value = apiKey === undefined ? 'missing' : 'one that it refuses';
  const allowed = 'the key that the engine asks for: --key-env, --key-file or --key-stdin';
  throw new EngineError('ENGINE_INVALID', { faults: [{ field: 'key', value, allowed }] });
}

/** A valid id for validating the other fields. */
export function freeDraftId(saved: readonly EngineRecord[]): string {
  for (let n = 1; ; n++) if (!saved.some((e) => e.id === `engine-${n}`)) return `engine-${n}`;
}

/** All targets. A new one is added here; its corpus is `corpus/NAME.txt`. */
import type { FuzzTarget } from './target.ts';

/** Imported one by one, so that coverage starts before the sources of a target are loaded. */
export const targets: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  'request-heads': async () => (await import('./targets/request-heads.ts')).requestHeads,
  'json-body': async () => (await import('./targets/json-body.ts')).jsonBody,
  'event-stream': async () => (await import('./targets/event-stream.ts')).eventStream,
  'engine-responses': async () => (await import('./targets/engine-responses.ts')).engineResponses,
  multipart: async () => (await import('./targets/multipart.ts')).multipart,
  addresses: async () => (await import('./targets/addresses.ts')).addresses,
  'yaml-file': async () => (await import('./targets/yaml-file.ts')).yamlFile,
  'admin-input': async () => (await import('./targets/admin-input.ts')).adminInput,
};

/**
 * `GET /flm/api/v1/me`, for any valid key: what the key may do, how much of its limits is left, and what it used. The
 * response has nothing about other keys.
 */
import assert from 'node:assert/strict';
import type { EngineDirectory } from '../../core/engine/directory.ts';
import type { KeyUse } from '../../core/proxy/ports.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { ownKeyDocument } from '../../core/security/own-key-document.ts';
import type { UsageLedger } from '../../core/security/ports.ts';
import { jsonResponse, type RouteHandler } from '../route-handler.ts';

export interface MeDeps {
  readonly directory: Pick<EngineDirectory, 'visible'>;
  readonly keyUse: (key: KeyView) => Promise<KeyUse>;
  readonly ledger: Pick<UsageLedger, 'ofFamily'>;
}

export function makeMe({ directory, keyUse, ledger }: MeDeps): RouteHandler {
  return {
    async resolve({ key }) {
      assert(key !== undefined, 'the route needs a key');
      const [use, usage] = await Promise.all([keyUse(key), ledger.ofFamily(key.familyId)]);
      const models = directory.visible(key).map(({ id }) => id);
      const response = jsonResponse(ownKeyDocument({ key, use, usage, models }));
      return { ...response, fields: 'cache-control: no-store\r\n' };
    },
  };
}

/** Connects the admin API with the services that commands use. */
import type { AdminServices } from '../admin/operation.ts';
import { FlmError } from '../core/errors.ts';
import type { KeyUse } from '../core/proxy/ports.ts';
import { catalogOf } from './catalog.ts';
import type { Flm } from './flm.ts';

/** The services end with `signal`, `flm` with its owner. */
export function adminServices(flm: Flm, signal: AbortSignal): AdminServices {
  return {
    nowMs: () => flm.machine.clock.nowMs(),
    signal,
    security: ({ actor, address }) =>
      flm.securityFor(actor, address === undefined ? flm.machine.ownAddresses() : [address]),
    engines: ({ actor }) => flm.enginesFor(actor),
    proxies: ({ actor }) => flm.proxiesFor(actor),
    discovery: flm.discovery,
    catalogOf,
    usage: flm.usage,
    audit: flm.audit,
    keyUse: (keyId) => keyUseOf(flm, keyId),
  };
}

async function keyUseOf(flm: Flm, keyId: string): Promise<ReadonlyMap<string, KeyUse>> {
  const uses = new Map<string, KeyUse>();
  const ask = async (handle: Parameters<Flm['control']>[0]): Promise<void> => {
    try {
      const use = await flm.control(handle).keyUse(keyId);
      if (use !== undefined && use !== 'gone') uses.set(handle.id, use);
    } catch (error) {
      // `flm proxy status` shows a proxy that does not answer.
      if (!(error instanceof FlmError)) throw error;
    }
  };
  await Promise.all((await flm.proxies.list()).map(ask));
  return uses;
}

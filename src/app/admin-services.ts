/** Connects the admin API with the services that commands use. */
import type { AdminServices } from '../admin/operation.ts';
import { catalogOf } from './catalog.ts';
import { crashesOf } from './crashed-proxies.ts';
import type { Flm } from './flm.ts';
import { keyUseOf } from './key-use.ts';
import { logPage } from './proxy-logs.ts';

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
    crashes: () => crashesOf(flm),
    logPage: (which, request) => logPage(flm, which, request),
    catalogOf,
    usage: flm.usage,
    audit: flm.audit,
    requests: flm.requests,
    keyUse: (record) => keyUseOf(flm, record),
  };
}

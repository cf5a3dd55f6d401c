/** Connects the admin API with the services that commands use. */
import type { AdminServices } from '../admin/operation.ts';
import { PolicyError } from '../core/errors.ts';
import { shareOrigins } from '../core/security/share-links.ts';
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
    shares: ({ actor }) => flm.sharesFor(actor),
    shareOrigins: () => shareOriginsOf(flm),
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

async function shareOriginsOf(flm: Flm): Promise<readonly string[]> {
  const views = (await flm.proxies.status()).flatMap((view) => (view.state === 'running' ? [view] : []));
  const found = views.flatMap((view) => shareOrigins(view.status)?.origins ?? []);
  const [first] = views;
  if (found.length > 0 || first === undefined) return found;
  const { id, profile } = first.handle;
  throw new PolicyError('SHARE_CLEAR_TEXT', { params: { id, profile } });
}

/** Connects the admin API with the services that commands use. */
import assert from 'node:assert/strict';
import type { AdminServices } from '../admin/operation.ts';
import { PolicyError } from '../core/errors.ts';
import { shareOrigins } from '../core/security/share-links.ts';
import { catalogOf } from './catalog.ts';
import { authorityDocument, leafDocument } from './certificate-documents.ts';
import { chatEvents } from './chat/chat-events.ts';
import { checkAddress, connectSettings } from './connect/settings.ts';
import { crashesOf } from './crashed-proxies.ts';

import type { Flm } from './flm.ts';
import { keyUseOf } from './key-use.ts';
import { whatWouldHappen } from './policy-question.ts';
import { logPage } from './proxy-logs.ts';

/** The services end with `signal`, `flm` with its owner. */
export function adminServices(flm: Flm, signal: AbortSignal): AdminServices {
  return {
    nowMs: () => flm.machine.clock.nowMs(),
    followFiles: () => flm.followFiles(),
    signal,
    security: ({ actor, address }) =>
      flm.securityFor(actor, address === undefined ? flm.machine.ownAddresses() : [address]),
    shares: ({ actor }) => flm.sharesFor(actor),
    shareOrigins: () => shareOriginsOf(flm),
    engines: ({ actor }) => flm.enginesFor(actor),
    proxies: ({ actor }) => flm.proxiesFor(actor),
    profiles: ({ actor }) => flm.profilesFor(actor),
    discovery: flm.discovery,
    crashes: () => crashesOf(flm),
    fleet: () => flm.fleet(),
    logPage: (which, request) => logPage(flm, which, request),
    async policyAnswer(caller, supposed) {
      const answer = await whatWouldHappen(
        { machine: flm.machine, profiles: flm.profiles, security: flm.securityFor(caller.actor, []) },
        supposed,
      );
      assert(answer !== undefined, 'the schema of the operation accepts only addresses');
      return answer;
    },
    certificates: () => certificatesOf(flm),
    async renewCertificates(configs) {
      if (configs.length === 0) await flm.certificates.forgetTries();
      for (const config of configs) await flm.certificates.askRenewal(config);
    },
    catalogOf,
    usage: flm.usage,
    audit: flm.audit,
    requests: flm.requests,
    chat: (request, left) => chatEvents(flm, request, left),
    connect: {
      settings: (request) => connectSettings(flm, request, signal),
      check: (request) => checkAddress(flm, request, signal),
    },
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

async function certificatesOf({ certificates }: Flm): ReturnType<AdminServices['certificates']> {
  const [authority, leaves] = await Promise.all([certificates.findAuthority(), certificates.leaves()]);
  return {
    authority:
      authority === undefined ? undefined : { document: authorityDocument(authority), pem: authority.pem },
    certificates: leaves.map(leafDocument),
  };
}

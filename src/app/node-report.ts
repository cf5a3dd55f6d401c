/** What a proxy reports about itself to the other proxies that share its database. */
import type { ProxyControl } from '../core/proxy/ports.ts';
import type { NodeReport } from '../store/store.ts';

/** `name` is the name of this machine among the nodes. */
export function nodeReport(control: Pick<ProxyControl, 'status'>, name: string): NodeReport {
  const status = control.status();
  const {
    handle,
    version,
    url,
    networkUrls,
    inFlight,
    queued,
    connections,
    requestsTotal,
    engines,
    models,
    keys,
    limiter,
  } = status;
  return {
    id: handle.id,
    name,
    version,
    // Others cannot use a loopback address.
    url: networkUrls[0] ?? url,
    startedAtMs: handle.startedAtMs,
    report: {
      profile: handle.profile,
      mode: handle.mode,
      draining: handle.draining,
      inFlight,
      queued,
      connections,
      requestsTotal,
      keys,
      models,
      engines: engines.map(({ ref, state }) => ({ id: ref.id, state })),
      limits: limiter?.state ?? 'own',
      warnings: (status.warningDetails ?? []).map(({ code }) => code),
    },
  };
}

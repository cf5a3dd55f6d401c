/** Starts the dashboard inside this process: the admin API over the services of the commands, its pages, and sign-in. */
import { AdminApi } from '../admin/admin-api.ts';
import type { AdminServices } from '../admin/operation.ts';
import { FlmError } from '../core/errors.ts';
import type { KeyUse } from '../core/proxy/ports.ts';
import { Sessions } from '../ui/sessions.ts';
import { startUiServer } from '../ui/ui-server.ts';
import { webFiles } from '../ui/web-files.ts';
import type { Flm } from './flm.ts';

export interface Dashboard {
  readonly url: string;
  /** A secret that signs in one browser within two minutes. */
  issueTicket(): string;
  close(): Promise<void>;
}

/** Rejects with the error of `listen`, such as EADDRINUSE. The caller closes it. */
export async function startDashboard(
  flm: Flm,
  { port, onError }: { readonly port: number; readonly onError: (error: unknown) => void },
): Promise<Dashboard> {
  const { clock } = flm.machine;
  const services: AdminServices = {
    nowMs: () => clock.nowMs(),
    security: ({ actor, address }) =>
      flm.securityFor(actor, address === undefined ? flm.machine.ownAddresses() : [address]),
    usage: flm.usage,
    audit: flm.audit,
    keyUse: (keyId) => keyUseOf(flm, keyId),
  };
  const sessions = new Sessions(clock);
  const server = await startUiServer({
    api: new AdminApi({ services, clock, onError }),
    sessions,
    files: webFiles(),
    caller: { actor: `ui:${flm.machine.userName()}`, scopes: ['admin'], address: undefined },
    port,
    onError,
  });
  return { url: server.url, issueTicket: () => sessions.issueTicket(), close: () => server.close() };
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

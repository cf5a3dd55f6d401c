/** Starts the dashboard inside this process: the admin API over the services of the commands, its pages, and sign-in. */
import { AdminApi } from '../admin/admin-api.ts';
import { Sessions } from '../ui/sessions.ts';
import { startUiServer } from '../ui/ui-server.ts';
import { adminServices } from './admin-services.ts';
import type { Flm } from './flm.ts';
import { dashboardFiles } from './own-files.ts';

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
  const ending = new AbortController();
  const sessions = new Sessions(clock);
  const server = await startUiServer({
    api: new AdminApi({ services: adminServices(flm, ending.signal), clock, onError }),
    sessions,
    files: dashboardFiles(),
    caller: { actor: `ui:${flm.machine.userName()}`, scopes: ['admin'], address: undefined },
    port,
    onError,
  });
  const close = async (): Promise<void> => {
    ending.abort();
    await server.close();
  };
  return { url: server.url, issueTicket: () => sessions.issueTicket(), close };
}

/**
 * `flm tail`: prints one line per request as it ends, also across restarts of the proxy.
 */
import type { Command } from 'commander';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { followRequests } from '../follow-requests.ts';
import { t } from '../i18n/texts.ts';
import { requestDocument, requestHead, requestText, tailColumns } from '../views/request-view.ts';

const texts = t.tail;

interface TailFlags {
  readonly proxy?: string;
  readonly refused?: boolean;
}

export function tailCommand(cli: Cli): Command {
  return leaf('tail', texts.help.tail, 'flm tail\nflm tail --refused --json')
    .option('--proxy <proxy>', texts.options.proxy)
    .option('--refused', texts.options.refused)
    .addHelpText('after', `\n${texts.help.after}`)
    .action(
      action(cli, async (session, flags: TailFlags) => {
        const { terminal } = session;
        const profile = flags.proxy === undefined ? undefined : await profileOf(session, flags.proxy);
        // If no proxy runs, there is nothing to wait for.
        if (profile === undefined && (await session.flm.proxies.list()).length === 0)
          await session.flm.proxies.find(undefined);
        // The heading appears again when the width of the terminal changes the columns.
        let toldWidth: number | undefined;
        let columns = tailColumns(terminal.tableColumns);
        let toldEmpty = session.json;
        await followRequests(session.flm, profile, session.signal, {
          request(line, handle) {
            if (flags.refused === true && line.ending !== 'refused') return;
            if (session.json) return terminal.out(JSON.stringify(requestDocument(line, handle.id)));
            const width = terminal.tableColumns;
            if (width !== toldWidth) {
              columns = tailColumns(width);
              terminal.talk(terminal.paint('dim', requestHead(columns)));
            }
            toldWidth = width;
            terminal.out(requestText(line, columns, terminal));
          },
          opened(handle) {
            terminal.talk(texts.watching(nameOf(handle)));
            if (!toldEmpty) terminal.talk(terminal.paint('dim', texts.empty));
            toldEmpty = true;
          },
          ended: (handle, others) =>
            terminal.talk(others > 0 ? texts.ended(nameOf(handle)) : texts.endedWaiting(nameOf(handle))),
        });
      }),
    );
}

/** A successor has the same profile, but another id. */
async function profileOf(session: Session, which: string): Promise<string> {
  return (await session.flm.proxies.find(which)).profile;
}

function nameOf(handle: ProxyHandle): string {
  return texts.proxy(handle.id, handle.profile, handle.port);
}

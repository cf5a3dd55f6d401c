/**
 * `flm tail`: prints one line per request as it ends, also across restarts of the proxy.
 */
import type { Command } from 'commander';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { followRequests } from '../follow-requests.ts';
import { requestDocument, requestHead, requestText } from '../views/request-view.ts';

interface TailFlags {
  readonly proxy?: string;
  readonly refused?: boolean;
}

export function tailCommand(cli: Cli): Command {
  return leaf(
    'tail',
    'print one line per request as it ends, until Ctrl-C',
    'flm tail\nflm tail --refused --json',
  )
    .option('--proxy <proxy>', 'id or profile; by default all running proxies')
    .option('--refused', 'show only refused requests, with the rule')
    .addHelpText('after', '\nWith --json, each line is one JSON document.')
    .action(
      action(cli, async (session, flags: TailFlags) => {
        const { terminal } = session;
        const profile = flags.proxy === undefined ? undefined : await profileOf(session, flags.proxy);
        // If no proxy runs, there is nothing to wait for.
        if (profile === undefined && (await session.flm.proxies.list()).length === 0)
          await session.flm.proxies.find(undefined);
        let told = false;
        await followRequests(session.flm, profile, session.signal, {
          request(line, handle) {
            if (flags.refused === true && line.ending !== 'refused') return;
            if (session.json) return terminal.out(JSON.stringify(requestDocument(line, handle.id)));
            if (!told) terminal.talk(terminal.paint('dim', requestHead));
            told = true;
            terminal.out(requestText(line, terminal));
          },
          opened: (handle) => terminal.talk(`Watching ${nameOf(handle)}.`),
          ended: (handle, others) =>
            terminal.talk(
              others > 0
                ? `${nameOf(handle)} has ended.`
                : `${nameOf(handle)} has ended; waiting for its successor (Ctrl-C leaves).`,
            ),
        });
      }),
    );
}

/** A successor has the same profile, but another id. */
async function profileOf(session: Session, which: string): Promise<string> {
  return (await session.flm.proxies.find(which)).profile;
}

function nameOf(handle: ProxyHandle): string {
  return `${handle.id} (profile ${handle.profile}, port ${handle.port})`;
}

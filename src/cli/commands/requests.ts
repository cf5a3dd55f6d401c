/** `flm requests`: lists the requests that run and the last ones, and cancels one. */
import type { Command } from 'commander';
import { AdminError } from '../../core/errors.ts';
import { endedRequestDocument, runningRequestDocument } from '../../core/proxy/request-document.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { printable } from '../terminal/layout.ts';
import { requestHead, requestText, tailColumns } from '../views/request-view.ts';
import { modelOf, runningTable } from '../views/running-view.ts';

const texts = t.requests;

export function requestsCommand(cli: Cli): Command {
  return leaf(
    'requests',
    texts.help.requests,
    'flm requests\nflm requests recent --key laptop\nflm requests cancel req_4fGh2kQz1a2b',
  )
    .helpCommand(false)
    .enablePositionalOptions()
    .addCommand(recent(cli))
    .addCommand(cancel(cli))
    .action(
      action(cli, async (session) => {
        await findProxy(session);
        const requests = (await session.flm.requests.list()).map(runningRequestDocument);
        const { terminal } = session;
        if (session.json) return terminal.out(JSON.stringify({ requests }));
        if (requests.length === 0) return terminal.out(texts.none);
        terminal.out(runningTable(requests, terminal.tableColumns));
        if (requests.some(({ tokensEstimated }) => tokensEstimated)) terminal.talk(texts.estimated);
      }),
    );
}

function recent(cli: Cli): Command {
  return leaf('recent', texts.help.recent, 'flm requests recent --key laptop')
    .option('--key <key>', texts.options.key)
    .action(
      action(cli, async (session, { key }: { readonly key?: string }) => {
        await findProxy(session);
        const { flm, terminal } = session;
        const record = key === undefined ? undefined : await flm.security.findKey(key);
        const lines = await flm.requests.recent(record?.id);
        if (session.json) return terminal.out(JSON.stringify({ requests: lines.map(endedRequestDocument) }));
        if (lines.length === 0)
          return terminal.out(
            record === undefined ? texts.noneRecent : texts.noneRecentOf(printable(record.label)),
          );
        const columns = tailColumns(terminal.tableColumns);
        terminal.talk(terminal.paint('dim', requestHead(columns)));
        for (const line of lines.toReversed()) terminal.out(requestText(line, columns, terminal));
      }),
    );
}

function cancel(cli: Cli): Command {
  return leaf('cancel', texts.help.cancel, 'flm requests cancel req_4fGh2kQz1a2b')
    .argument('<request>', texts.arguments.request)
    .action(
      action(cli, async (session, _flags: object, id: string) => {
        await findProxy(session);
        const { flm, terminal } = session;
        const request = await flm.requests.cancel(id, `cli:${flm.machine.userName()}`);
        if (request === undefined) throw new AdminError('REQUEST_NOT_RUNNING', { params: { id } });
        const document = runningRequestDocument(request);
        if (session.json) return terminal.out(JSON.stringify({ cancelled: document }));
        terminal.out(texts.cancelled(document.id, printable(document.key.label), modelOf(document)));
      }),
    );
}

/** Without a proxy there is nothing to list: throws the error that says so. */
async function findProxy({ flm }: Session): Promise<void> {
  if ((await flm.proxies.list()).length === 0) await flm.proxies.find(undefined);
}

/** The last requests of a key, newest first. Proxies keep them in memory only, without prompts and responses. */
import type { EndedRequestDocument } from '../../../core/proxy/request-document.ts';
import { call } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { count, milliseconds } from '../format.ts';
import { Show, useLive } from '../loaded.tsx';
import { Time } from '../parts.tsx';
import { TableFrame, TableHead } from '../table-frame.tsx';

const everyMs = 5_000;
const shownRequests = 20;

export function RequestsOfKey({ keyId }: { keyId: string }) {
  const query = new URLSearchParams({ key: keyId });
  const [loaded] = useLive(
    () => call<{ items: readonly EndedRequestDocument[] }>('GET', `api/v1/requests/recent?${query}`),
    everyMs,
    [keyId],
  );
  const titles = t.keys.request;
  return (
    <Show loaded={loaded}>
      {({ items }) =>
        items.length === 0 ? (
          <p>{t.keys.noRecent}</p>
        ) : (
          <TableFrame label={t.keys.recent}>
            <table>
              <TableHead
                titles={[
                  titles.at,
                  titles.what,
                  titles.model,
                  titles.engine,
                  titles.ending,
                  titles.tokens,
                  titles.duration,
                ]}
                numbers={[titles.tokens, titles.duration]}
              />
              <tbody>
                {items.slice(0, shownRequests).map((request) => (
                  <tr key={request.id}>
                    <td>
                      <Time iso={request.at} />
                    </td>
                    <td>
                      <code>{request.path}</code>
                    </td>
                    <td class="model">{request.model ?? t.none}</td>
                    <td>{request.engine ?? t.none}</td>
                    <td>{t.keys.endingOf(request.status, request.code ?? request.ending)}</td>
                    <td class="number">{count(request.inputTokens + request.outputTokens)}</td>
                    <td class="number">{milliseconds(Math.round(request.durationMs))}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </TableFrame>
        )
      }
    </Show>
  );
}

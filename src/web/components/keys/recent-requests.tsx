/** The last requests of a key, newest first. Proxies keep them in memory only, without prompts and responses. */
import type { EndedRequestDocument } from '../../../core/proxy/request-document.ts';
import { call } from '../../api/client.ts';
import { en } from '../../i18n/en.ts';
import { count, milliseconds } from '../format.ts';
import { Show, useLive } from '../loaded.tsx';
import { Time } from '../parts.tsx';
import { TableFrame } from '../table-frame.tsx';

const everyMs = 5_000;
const shownRequests = 20;

export function RecentRequests({ keyId }: { keyId: string }) {
  const query = new URLSearchParams({ key: keyId });
  const [loaded] = useLive(
    () => call<{ items: readonly EndedRequestDocument[] }>('GET', `api/v1/requests/recent?${query}`),
    everyMs,
    [keyId],
  );
  const titles = en.keys.request;
  return (
    <Show loaded={loaded}>
      {({ items }) =>
        items.length === 0 ? (
          <p>{en.keys.noRecent}</p>
        ) : (
          <TableFrame label={en.keys.recent}>
            <table>
              <thead>
                <tr>
                  {[titles.at, titles.what, titles.model, titles.engine, titles.ending].map((title) => (
                    <th scope="col" key={title}>
                      {title}
                    </th>
                  ))}
                  {[titles.tokens, titles.duration].map((title) => (
                    <th scope="col" class="number" key={title}>
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {items.slice(0, shownRequests).map((request) => (
                  <tr key={request.id}>
                    <td>
                      <Time iso={request.at} />
                    </td>
                    <td>
                      <code>{request.path}</code>
                    </td>
                    <td>{request.model ?? en.none}</td>
                    <td>{request.engine ?? en.none}</td>
                    <td>{en.keys.endingOf(request.status, request.code ?? request.ending)}</td>
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

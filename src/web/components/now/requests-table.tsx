/** The running requests, each with a button that ends it, and below them the requests that ended last. */
import { useMemo, useState } from 'preact/hooks';
import type { EndedRequestDocument } from '../../../core/proxy/request-document.ts';
import { call } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { count, elapsed, milliseconds, number } from '../format.ts';
import { Problem } from '../loaded.tsx';
import { Dialog, Time } from '../parts.tsx';
import { showEffect } from '../reading.ts';
import { ForAdmin } from '../scope.tsx';
import { TableFrame, TableHead } from '../table-frame.tsx';
import { ageOf, type RequestsSnapshot, type SeenRequest } from './request-log.ts';

const shownAtFirst = 200;

export function RunningRequests({ requests: { running, atMs } }: { requests: RequestsSnapshot }) {
  const [search, setSearch] = useState('');
  const [limit, setLimit] = useState(shownAtFirst);
  const [target, setTarget] = useState<SeenRequest>();
  const words = search.toLowerCase();
  const found = running.filter((request) => words === '' || textOf(request).includes(words));
  return (
    <>
      {running.length === 0 ? (
        <p class="note">{t.now.noRequests}</p>
      ) : (
        <>
          <input
            type="search"
            aria-label={t.now.search}
            placeholder={t.now.search}
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <TableFrame label={t.now.running}>
            <table>
              <TableHead
                titles={Object.values(t.now.runningColumns)}
                numbers={[t.now.runningColumns.tokens, t.now.runningColumns.speed, t.now.runningColumns.age]}
              />
              <tbody>
                {found.slice(0, limit).map((request) => (
                  <RunningRow
                    key={request.id}
                    request={request}
                    ageMs={ageOf(request, atMs)}
                    onCancel={setTarget}
                  />
                ))}
              </tbody>
            </table>
          </TableFrame>
          {found.length > limit ? (
            <button type="button" onClick={() => setLimit(limit + shownAtFirst)}>
              {t.more(limit, found.length)}
            </button>
          ) : null}
        </>
      )}
      {target === undefined ? null : <CancelDialog request={target} onClose={() => setTarget(undefined)} />}
    </>
  );
}

function RunningRow({
  request,
  ageMs,
  onCancel,
}: {
  request: SeenRequest;
  ageMs: number;
  onCancel: (request: SeenRequest) => void;
}) {
  const age = elapsed(ageMs);
  const { key, model, engine, state, queuePosition, outputTokens, tokensEstimated, tokensPerSecond } =
    request;
  // Of hundreds of rows, only those that look different are compared with the page.
  return useMemo(() => {
    const place = queuePosition === null ? '' : `${t.between}${t.now.place(number(queuePosition))}`;
    return (
      <tr>
        <th scope="row" title={request.client}>
          {key.label}
        </th>
        <td class="model">{model ?? '–'}</td>
        <td>{engine ?? '–'}</td>
        <td>
          <span class={`state ${state}`}>
            {t.now.states[state]}
            {place}
          </span>
        </td>
        <td class="number">
          {outputTokens === 0 ? '–' : `${tokensEstimated ? '~' : ''}${count(outputTokens)}`}
        </td>
        <td class="number">{tokensPerSecond === null ? '–' : number(tokensPerSecond)}</td>
        <td class="number">{age}</td>
        <td class="actions">
          <ForAdmin>
            <button
              type="button"
              class="quiet"
              aria-label={t.now.cancelOf(key.label)}
              onClick={() => onCancel(request)}
            >
              {t.now.cancel}
            </button>
          </ForAdmin>
        </td>
      </tr>
    );
  }, [request, age, t.language]);
}

function CancelDialog({ request, onClose }: { request: SeenRequest; onClose: () => void }) {
  const [problem, setProblem] = useState<unknown>();
  const end = async () => {
    try {
      await call('POST', `api/v1/requests/${encodeURIComponent(request.id)}/cancel`);
      onClose();
      showEffect();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog title={t.now.cancelTitle(request.key.label)} onClose={onClose}>
      <p>{t.now.cancelText(request.model ?? '–', count(request.outputTokens))}</p>
      {problem === undefined ? null : <Problem error={problem} />}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {t.now.keep}
        </button>
        <button type="button" class="danger" onClick={() => void end()}>
          {t.now.cancel}
        </button>
      </div>
    </Dialog>
  );
}

export function EndedRequests({ ended }: { ended: readonly EndedRequestDocument[] }) {
  if (ended.length === 0) return <p class="note">{t.now.noEnded}</p>;
  return (
    <TableFrame label={t.now.ended}>
      <table>
        <TableHead
          titles={Object.values(t.now.endedColumns)}
          numbers={[
            t.now.endedColumns.status,
            t.now.endedColumns.tokens,
            t.now.endedColumns.firstByte,
            t.now.endedColumns.duration,
          ]}
        />
        <tbody>
          {ended.map((request) => (
            <tr key={request.id}>
              <th scope="row" title={request.client}>
                {request.key?.label ?? '–'}
              </th>
              <td class="model">{request.model ?? '–'}</td>
              <td>{request.engine ?? '–'}</td>
              <td title={request.rule ?? undefined}>
                <span
                  class={`state ${request.ending === 'done' && request.status < 400 ? 'active' : 'failed'}`}
                >
                  {request.code ?? request.ending}
                </span>
              </td>
              <td class="number">{request.status}</td>
              <td class="number">
                {request.tokensEstimated ? '~' : ''}
                {count(request.inputTokens + request.outputTokens)}
              </td>
              <td class="number">{milliseconds(rounded(request.firstByteMs))}</td>
              <td class="number">{milliseconds(rounded(request.durationMs))}</td>
              <td>
                <Time iso={request.at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function textOf({ key, model, engine, client, state }: SeenRequest): string {
  return [key.label, model, engine, client, state].join(' ').toLowerCase();
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}

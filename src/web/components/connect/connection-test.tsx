/** Two tests: whether the proxy answers at the address, and whether the client's own request arrives. */
import { useRef, useState } from 'preact/hooks';
import { clientName } from '../../../clients/recipe.ts';
import type { ConnectCheck, ConnectDocument } from '../../../core/proxy/connect-document.ts';
import type { EndedRequestDocument } from '../../../core/proxy/request-document.ts';
import { call, mayChange } from '../../api/client.ts';
import { serverClock } from '../../api/server-clock.ts';
import { t } from '../../i18n/texts.ts';
import { milliseconds } from '../format.ts';
import { Problem, Show, useLive } from '../loaded.tsx';

const everyMs = 1_000;
/** How far the known time of the server may be wrong. */
const clockErrorMs = 2_000;

export function ConnectionTest({ settings, host }: { settings: ConnectDocument; host: string }) {
  const [check, setCheck] = useState<ConnectCheck>();
  const [problem, setProblem] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  /** How many times somebody asked to wait. */
  const [waits, setWaits] = useState(0);
  const isOwn = settings.addresses.some(({ origin }) => origin === settings.origin);
  const run = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      const body = { proxy: settings.proxy, ...(host === '' ? {} : { host }) };
      setCheck(await call<ConnectCheck>('POST', 'api/v1/connect/check', body));
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return (
    <section aria-label={t.connect.test}>
      <h2>{t.connect.test}</h2>
      <p>{t.connect.testText}</p>
      <div class="bar">
        {isOwn && mayChange() ? (
          <button type="button" disabled={isBusy} onClick={() => void run()}>
            {t.connect.checkAddress}
          </button>
        ) : null}
        <button type="button" class={waits === 0 ? undefined : 'quiet'} onClick={() => setWaits(waits + 1)}>
          {waits === 0 ? t.connect.wait : t.connect.waitAgain}
        </button>
      </div>
      {problem === undefined ? null : <Problem error={problem} />}
      {check === undefined ? null : (
        <p role="status" class={check.ok ? 'result good' : 'result bad'}>
          {check.ok
            ? t.connect.answers(settings.origin, check.models.length)
            : t.connect.answersNot(settings.origin, t.translated(check.reason ?? ''))}
        </p>
      )}
      {waits === 0 ? null : (
        <FirstRequest
          key={waits}
          name={clientName({ id: settings.client, name: settings.name }, t.clients)}
        />
      )}
    </section>
  );
}

/** Shows the requests that end from now on. A proxy that misses the first look brings its earlier ones with a later look. */
function FirstRequest({ name }: { name: string }) {
  const [sinceMs] = useState(() => serverClock.nowMs() - clockErrorMs);
  const earlier = useRef<ReadonlySet<string> | undefined>(undefined);
  const [loaded] = useLive(async () => {
    const { items } = await call<{ items: readonly EndedRequestDocument[] }>('GET', 'api/v1/requests/recent');
    earlier.current ??= new Set(items.map(({ id }) => id));
    return items.filter(({ id, at }) => earlier.current?.has(id) === false && Date.parse(at) >= sinceMs);
  }, everyMs);
  return (
    <Show loaded={loaded}>
      {(arrived) => {
        const done = arrived.findLast(({ status }) => status < 400);
        const refused = arrived.filter(({ status }) => status >= 400);
        return (
          <div role="status">
            {refused.map((request) => (
              <p key={request.id} class="result bad">
                {t.connect.refused(request.method, request.path, request.status, request.code ?? '')}{' '}
                <code>{explainCommand(request.id)}</code>
              </p>
            ))}
            {done === undefined ? (
              <p class="result">{t.connect.waiting(name)}</p>
            ) : (
              <p class="result good">
                {t.connect.arrived(
                  done.key?.label ?? t.none,
                  done.model ?? t.none,
                  milliseconds(Math.round(done.durationMs)),
                )}
              </p>
            )}
          </div>
        );
      }}
    </Show>
  );
}

function explainCommand(id: string): string {
  return `flm explain ${id}`;
}

/** One key: what it may do, the use of its limits now, and its usage of the last 30 days. */
import { useState } from 'preact/hooks';
import type { KeyUseDocument } from '../../../core/security/key-use.ts';
import { call, type Key } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { count } from '../format.ts';
import { Show, useLive } from '../loaded.tsx';
import { Time } from '../parts.tsx';
import { UsageCharts } from '../usage-charts.tsx';
import { type Dimension, type Filters, loadUsage } from '../usage-report.ts';
import { UsageTable } from '../usage-table.tsx';
import { ActionDialog, type Open, opened } from './key-action.tsx';
import { stateOf } from './key-fields.ts';
import { KeyActions } from './key-table.tsx';
import { limitTexts } from './key-texts.ts';
import { RequestsOfKey } from './requests-of-key.tsx';
import { UseBar } from './use-bar.tsx';

const allActions = ['change', 'pause', 'rotate', 'revoke'] as const;
const shownDays = 30;
const everyMs = 3_000;
const usageEveryMs = 30_000;
const chartPixels = 1_000;

export function KeyDetail({ id }: { id: string }) {
  const [open, setOpen] = useState<Open>();
  const path = `api/v1/keys/${encodeURIComponent(id)}`;
  const [loaded, reload] = useLive(() => call<Key>('GET', path), everyMs, [id]);
  const [use] = useLive(() => call<KeyUseDocument>('GET', `${path}/use`), everyMs, [id]);
  return (
    <>
      <p>
        <a href="#/keys">{t.keys.back}</a>
      </p>
      <Show loaded={loaded}>
        {(key) => {
          const state = stateOf(key);
          return (
            <>
              <h2>
                {key.label} <span class={`state ${state}`}>{t.keys.states[state]}</span>
              </h2>
              {state === 'revoked' || state === 'expired' ? null : (
                <p class="actions">
                  <KeyActions
                    of={key}
                    actions={allActions}
                    onAction={(action) => setOpen(opened(action, key))}
                  />
                </p>
              )}
              <div class="beside">
                <Facts of={key} />
                <div>
                  <h3>{t.keys.useNow}</h3>
                  <Show loaded={use}>{(value) => <Use of={key} use={value} />}</Show>
                </div>
              </div>
              <h3>{t.keys.usage(shownDays)}</h3>
              <Usage of={key} />
              <h3>{t.keys.recent}</h3>
              <RequestsOfKey keyId={key.id} />
            </>
          );
        }}
      </Show>
      {open === undefined ? null : (
        <ActionDialog
          open={open}
          onDone={() => {
            setOpen(undefined);
            reload();
          }}
        />
      )}
    </>
  );
}

function Facts({ of: key }: { of: Key }) {
  const list = (names: readonly string[]) => names.join(', ') || t.all;
  return (
    <dl class="facts">
      <dt>{t.keys.id}</dt>
      <dd>
        <code>{key.id}</code>
      </dd>
      <dt>{t.keys.prefix}</dt>
      <dd>
        <code>{t.keys.beginning(key.prefix)}</code>
      </dd>
      <dt>{t.keys.owner}</dt>
      <dd>{key.owner ?? t.none}</dd>
      <dt>{t.keys.note}</dt>
      <dd class="lines">{key.note ?? t.none}</dd>
      <dt>{t.keys.created}</dt>
      <dd>
        <Time iso={key.createdAt} />
      </dd>
      <dt>{t.keys.expires}</dt>
      <dd>
        <Time iso={key.expiresAt} />
      </dd>
      <dt>{t.keys.lastUsed}</dt>
      <dd>
        <Time iso={key.lastUsedAt} />
        {key.lastUsedFrom === null ? null : `${t.between}${t.keys.from(key.lastUsedFrom)}`}
      </dd>
      <dt>{t.keys.scopes}</dt>
      <dd>{key.scopes.join(', ')}</dd>
      <dt>{t.keys.models}</dt>
      <dd>{list(key.models)}</dd>
      <dt>{t.keys.listNames.engines}</dt>
      <dd>{list(key.engines)}</dd>
      <dt>{t.keys.listNames.endpoints}</dt>
      <dd>{list(key.endpoints)}</dd>
      <dt>{t.keys.listNames.addresses}</dt>
      <dd>{list(key.addresses)}</dd>
      <dt>{t.keys.limits}</dt>
      <dd>{limitTexts(key.limits).join(t.comma) || t.none}</dd>
    </dl>
  );
}

function Use({ of: { limits }, use }: { of: Key; use: KeyUseDocument }) {
  const { tokensToday, proxies } = use;
  return (
    <div class="uses">
      <UseBar
        label={t.keys.tokensPerDay}
        used={tokensToday}
        limit={limits.tokensPerDay}
        text={
          tokensToday === null
            ? t.keys.unknown
            : t.keys.used(count(tokensToday), limitOf(limits.tokensPerDay))
        }
      />
      {proxies.map(({ id, inProgress, requests, tokens }) => (
        <section key={id} aria-label={id}>
          <h4>{t.keys.inProxy(id)}</h4>
          <UseBar
            label={t.keys.limitNames.concurrency}
            used={inProgress}
            limit={limits.concurrency}
            text={t.keys.used(count(inProgress), limitOf(limits.concurrency))}
          />
          {requests === null ? null : (
            <UseBar
              label={t.keys.limitNames.requestsPerMinute}
              used={requests.burst - requests.remaining}
              limit={requests.burst}
              text={t.keys.requestsNow(
                count(requests.remaining),
                count(requests.burst),
                count(requests.perMinute),
              )}
            />
          )}
          {tokens === null ? null : (
            <UseBar
              label={t.keys.limitNames.tokensPerMinute}
              used={tokens.limit - tokens.remaining}
              limit={tokens.limit}
              text={t.keys.used(count(tokens.limit - tokens.remaining), count(tokens.limit))}
            />
          )}
        </section>
      ))}
      {proxies.length === 0 ? <p class="note">{t.keys.noProxy}</p> : null}
    </div>
  );
}

function limitOf(limit: number | null): string | undefined {
  return limit === null ? undefined : count(limit);
}

function Usage({ of: { id, label } }: { of: Key }) {
  const [model, setModel] = useState<Filters['model']>();
  const filters: Filters = { key: { value: id, label }, ...(model === undefined ? {} : { model }) };
  const [loaded] = useLive(() => loadUsage('30d', 'model', filters, chartPixels), usageEveryMs, [
    id,
    model?.value,
  ]);
  return (
    <Show loaded={loaded}>
      {(view) =>
        view.table.series.length === 0 ? (
          <p>{t.keys.noUsage}</p>
        ) : (
          <>
            {model === undefined ? null : (
              <button type="button" class="quiet" onClick={() => setModel(undefined)}>
                {t.usage.removeFilter(t.usage.dimensions.model, model.label)}
              </button>
            )}
            <UsageCharts view={view} by="model" measure="tokens" onSelect={select} />
            <UsageTable usage={view.table} loadAll={view.loadAll} by="model" onSelect={select} />
          </>
        )
      }
    </Show>
  );

  function select(by: Dimension, value: string, text: string): void {
    if (by === 'model') setModel({ value, label: text });
  }
}

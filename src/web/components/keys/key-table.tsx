/** The table of keys: sorted by the server, with a box to select each, and what can be done with one at the end. */
import type { Key } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { count } from '../format.ts';
import { Time } from '../parts.tsx';
import { ForAdmin } from '../scope.tsx';
import { TableFrame } from '../table-frame.tsx';
import { stateOf } from './key-fields.ts';
import { limitTexts } from './key-texts.ts';
import { UseBar } from './use-bar.tsx';

export interface Order {
  readonly sort: keyof typeof t.keys.columns;
  readonly descending: boolean;
}

export type KeyAction = 'change' | 'pause' | 'resume' | 'rotate' | 'revoke';

/** A key is changed in its own view. `pause` is `resume` for a paused key. */
const inRow = ['pause', 'rotate', 'revoke'] as const;

export function KeyTable({
  keys,
  order,
  selected,
  today,
  onOrder,
  onSelect,
  onAction,
}: {
  keys: readonly Key[];
  order: Order;
  selected: ReadonlyMap<string, Key>;
  /** Tokens of today by family of keys. */
  today: ReadonlyMap<string, number>;
  onOrder: (order: Order) => void;
  onSelect: (keys: readonly Key[], isSelected: boolean) => void;
  onAction: (action: KeyAction, key: Key) => void;
}) {
  const selectable = keys.filter((key) => !isOver(key));
  const allSelected = selectable.length > 0 && selectable.every(({ id }) => selected.has(id));
  return (
    <TableFrame label={t.keys.title}>
      <table>
        <thead>
          <tr>
            <td>
              <ForAdmin>
                <input
                  type="checkbox"
                  aria-label={t.keys.selectAll}
                  checked={allSelected}
                  disabled={selectable.length === 0}
                  onChange={(event) => onSelect(selectable, event.currentTarget.checked)}
                />
              </ForAdmin>
            </td>
            <SortedBy column="label" order={order} onOrder={onOrder} />
            <SortedBy column="owner" order={order} onOrder={onOrder} />
            <SortedBy column="state" order={order} onOrder={onOrder} />
            <th scope="col">{t.keys.limits}</th>
            <SortedBy column="expires" order={order} onOrder={onOrder} />
            <SortedBy column="last-used" order={order} onOrder={onOrder} />
            <th scope="col">{t.actions}</th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <Row
              key={key.id}
              of={key}
              tokensToday={today.get(key.familyId) ?? 0}
              isSelected={selected.has(key.id)}
              onSelect={(isSelected) => onSelect([key], isSelected)}
              onAction={(action) => onAction(action, key)}
            />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function isOver(key: Key): boolean {
  const state = stateOf(key);
  return state === 'revoked' || state === 'expired';
}

function SortedBy({
  column,
  order: { sort, descending },
  onOrder,
}: {
  column: Order['sort'];
  order: Order;
  onOrder: (order: Order) => void;
}) {
  const isSorted = sort === column;
  return (
    <th scope="col" aria-sort={isSorted ? (descending ? 'descending' : 'ascending') : undefined}>
      <button
        type="button"
        class="plain"
        onClick={() => onOrder({ sort: column, descending: isSorted && !descending })}
      >
        {t.keys.columns[column]}
      </button>
    </th>
  );
}

function Row({
  of: key,
  tokensToday,
  isSelected,
  onSelect,
  onAction,
}: {
  of: Key;
  tokensToday: number;
  isSelected: boolean;
  onSelect: (isSelected: boolean) => void;
  onAction: (action: KeyAction) => void;
}) {
  const state = stateOf(key);
  const { tokensPerDay } = key.limits;
  return (
    <tr>
      <td>
        <ForAdmin>
          <input
            type="checkbox"
            aria-label={t.keys.select(key.label)}
            checked={isSelected}
            disabled={isOver(key)}
            onChange={(event) => onSelect(event.currentTarget.checked)}
          />
        </ForAdmin>
      </td>
      <th scope="row" class="key-name" title={key.id}>
        <a href={`#/keys/${key.id}`}>{key.label}</a>
        <br />
        <code class="beginning">{t.keys.beginning(key.prefix)}</code>
      </th>
      <td class="owner">{key.owner ?? t.none}</td>
      <td>
        <span class={`state ${state}`}>{t.keys.states[state]}</span>
      </td>
      <td>
        {[...(key.models.length === 0 ? [] : [key.models.join(', ')]), ...limitTexts(key.limits)].join(
          t.semicolon,
        ) || t.none}
        {tokensPerDay === null ? null : (
          <UseBar
            used={tokensToday}
            limit={tokensPerDay}
            text={t.keys.usedToday(count(tokensToday), count(tokensPerDay))}
          />
        )}
      </td>
      <td>
        <Time iso={key.expiresAt} />
      </td>
      <td>
        <Time iso={key.lastUsedAt} />
      </td>
      <td class="actions">
        {isOver(key) ? null : <KeyActions of={key} actions={inRow} onAction={onAction} />}
      </td>
    </tr>
  );
}

export function KeyActions({
  of: key,
  actions,
  onAction,
}: {
  of: Key;
  actions: readonly Exclude<KeyAction, 'resume'>[];
  onAction: (action: KeyAction) => void;
}) {
  const isPaused = stateOf(key) === 'paused';
  return (
    <ForAdmin>
      {actions
        .map((action) => (action === 'pause' && isPaused ? 'resume' : action))
        .map((action) => (
          <button
            key={action}
            type="button"
            class="quiet"
            aria-label={t.keys.actionOn(t.keys[action], key.label)}
            onClick={() => onAction(action)}
          >
            {t.keys[action]}
          </button>
        ))}
    </ForAdmin>
  );
}

/** The table of engines with its actions. */
import type { SeenEngineDocument } from '../../../core/engine/engine-document.ts';
import { mayChange } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { milliseconds } from '../format.ts';
import { FlmText } from '../parts.tsx';
import { TableFrame, TableHead } from '../table-frame.tsx';

export type EngineAction = 'test' | 'change' | 'remove';

const texts = t.engines;

export function EngineList({
  engines,
  onAction,
}: {
  engines: readonly SeenEngineDocument[];
  onAction: (action: EngineAction, id: string) => void;
}) {
  return (
    <TableFrame label={texts.engines}>
      <table>
        <TableHead titles={Object.values(texts.columns)} />
        <tbody>
          {engines.map((engine) => (
            <EngineRow
              key={`${engine.id} ${engine.url} ${engine.proxy ?? ''}`}
              engine={engine}
              onAction={(action) => onAction(action, engine.id)}
            />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function EngineRow({
  engine,
  onAction,
}: {
  engine: SeenEngineDocument;
  onAction: (action: EngineAction) => void;
}) {
  const { id, url, kind, version, state, note, latencyMs, exposedOn, models, slots, origin } = engine;
  return (
    <tr>
      <th scope="row">
        {id}
        <small>{url}</small>
      </th>
      <td>
        {kind} {version ?? ''}
      </td>
      <td>
        <span class={`state ${state}`}>{wordFor(texts.states, state)}</span>
        {note === undefined ? null : (
          <small>
            <FlmText text={note} />
          </small>
        )}
        {latencyMs === undefined ? null : <small>{texts.latency(milliseconds(latencyMs))}</small>}
        {exposedOn === undefined ? null : (
          <small>
            <span class="state degraded">{texts.exposed(exposedOn)}</span>
          </small>
        )}
      </td>
      <td>{models.length}</td>
      <td>{slots ?? texts.unknown}</td>
      <td>{wordFor(texts.origins, origin)}</td>
      <td class="actions">
        {origin === 'saved' && mayChange()
          ? (['test', 'change', 'remove'] as const).map((action) => (
              <button key={action} type="button" class="quiet" onClick={() => onAction(action)}>
                {texts[action]}
              </button>
            ))
          : null}
      </td>
    </tr>
  );
}

/** Another version of flm may have more words. */
export function wordFor(words: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(words, name) ? (words[name] ?? name) : name;
}

/** The engines: state, loaded models, slots as small squares, how many requests wait, and tokens a second. */
import type { SeenEngineDocument } from '../../../core/engine/engine-document.ts';
import { t } from '../../i18n/texts.ts';
import { number } from '../format.ts';
import { Empty, FlmText } from '../parts.tsx';
import { TableFrame, TableHead } from '../table-frame.tsx';
import type { EngineActivity } from './request-log.ts';

const maxSquares = 32;
const shownModels = 4;

export function EngineTable({
  engines,
  loads,
}: {
  engines: readonly SeenEngineDocument[];
  /** Undefined until the stream of requests is open. */
  loads: ReadonlyMap<string, EngineActivity> | undefined;
}) {
  if (engines.length === 0)
    return <Empty title={t.now.noEngines} hint={t.now.noEnginesHint} command="flm engine detect" />;
  return (
    <TableFrame label={t.now.engines}>
      <table>
        <TableHead titles={Object.values(t.now.engineColumns)} numbers={[t.now.engineColumns.speed]} />
        <tbody>
          {engines.map((engine) => (
            <EngineRow key={`${engine.id} ${engine.url}`} engine={engine} load={loads?.get(engine.id)} />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function EngineRow({ engine, load }: { engine: SeenEngineDocument; load: EngineActivity | undefined }) {
  const { id, kind, version, url, state, note, slots, queued } = engine;
  return (
    <tr>
      <th scope="row">
        {id}
        <small>
          {kind} {version ?? ''} {url}
        </small>
      </th>
      <td>
        <span class={`state ${state}`}>{stateText(state)}</span>
        {note === undefined ? null : (
          <small>
            <FlmText text={note} />
          </small>
        )}
        {engine.rank === undefined ? null : (
          <small>{t.now.rank[engine.rank.state](t.translated(engine.rank.reason))}</small>
        )}
      </td>
      <td>{modelsText(engine)}</td>
      <td>
        <Slots busy={load?.busy ?? engine.inFlight} slots={slots} />
      </td>
      <td>{queued === undefined || queued === 0 ? t.now.nobody : t.now.waiting(queued)}</td>
      <td class="number">
        <Sparkline values={load?.history ?? []} /> {number(Math.round(load?.tokensPerSecond ?? 0))}
      </td>
    </tr>
  );
}

function stateText(state: string): string {
  return Object.hasOwn(t.now.engineStates, state)
    ? t.now.engineStates[state as keyof typeof t.now.engineStates]
    : state;
}

/** Loaded models where the engine reports them, otherwise the first of all. */
function modelsText({ models }: SeenEngineDocument): string {
  const loaded = models.filter((model) => model.loaded === true);
  const isReported = models.some((model) => model.loaded !== undefined);
  if (isReported && loaded.length === 0) return t.now.noneLoaded(models.length);
  const names = (isReported ? loaded : models).map((model) => model.id);
  const more = names.length - shownModels;
  const shown = names.slice(0, shownModels).join(', ');
  return more > 0 ? t.now.andMore(shown, more) : shown || t.none;
}

function Slots({ busy, slots }: { busy: number; slots: number | undefined }) {
  if (slots === undefined) return <>{t.now.busy(busy)}</>;
  const text = t.now.slots(busy, slots);
  if (slots > maxSquares) return <>{text}</>;
  const side = 12;
  return (
    <span class="slots">
      <svg width={slots * side} height={side} aria-hidden="true">
        {Array.from({ length: slots }, (_, i) => (
          <rect
            key={i}
            class={i < busy ? 'busy' : 'free'}
            x={i * side + 1}
            y={1}
            width={side - 3}
            height={side - 3}
            rx={2}
          />
        ))}
      </svg>
      <small>{text}</small>
    </span>
  );
}

/** Tokens a second over the last minute. Decoration: the number stands beside it. */
function Sparkline({ values }: { values: readonly number[] }) {
  const [width, height] = [60, 18];
  const most = Math.max(1, ...values);
  const points = values.map((value, i) => {
    const x = width - (values.length - 1 - i);
    return `${x},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`;
  });
  return (
    <svg class="sparkline" width={width} height={height} aria-hidden="true">
      <polyline points={points.join(' ')} />
    </svg>
  );
}

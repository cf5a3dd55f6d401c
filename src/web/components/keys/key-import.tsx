/** Many keys from a CSV file: the server checks it, the page shows what would be made, and hands out the secrets once. */
import { useState } from 'preact/hooks';
import { csvText } from '../../../core/csv.ts';
import { call, type Key, type KeyWithSecret } from '../../api/client.ts';
import { en } from '../../i18n/en.ts';
import { Problem } from '../loaded.tsx';
import { Command, Copy, Dialog, Field, Time } from '../parts.tsx';
import { saveCsvFile } from '../save-file.ts';
import { TableFrame } from '../table-frame.tsx';
import { importCommand } from './key-commands.ts';
import { limitTexts } from './key-texts.ts';

interface PlannedKey extends Pick<Key, 'label' | 'owner' | 'note' | 'models' | 'limits' | 'expiresAt'> {
  readonly line: number;
}

export function ImportKeys({ onDone }: { onDone: () => void }) {
  const [csv, setCsv] = useState('');
  const [planned, setPlanned] = useState<readonly PlannedKey[]>();
  const [made, setMade] = useState<readonly KeyWithSecret[]>();
  const [problem, setProblem] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const [idempotencyKey, setIdempotencyKey] = useState(() => crypto.randomUUID());
  const change = (text: string) => {
    setCsv(text);
    setPlanned(undefined);
    setProblem(undefined);
    setIdempotencyKey(crypto.randomUUID());
  };
  const step = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  const check = () =>
    step(async () => {
      const checked = await call<{ keys: readonly PlannedKey[] }>('POST', 'api/v1/keys/import/check', {
        csv,
      });
      setPlanned(checked.keys);
    });
  const create = () =>
    step(async () => {
      const headers = { 'idempotency-key': idempotencyKey };
      const created = await call<{ keys: readonly KeyWithSecret[] }>(
        'POST',
        'api/v1/keys/import',
        { csv },
        headers,
      );
      setMade(created.keys);
    });
  if (made !== undefined) return <MadeKeys made={made} onClose={onDone} />;
  return (
    <Dialog title={en.keys.importTitle} onClose={onDone}>
      <p>{en.keys.importText}</p>
      <p>
        <code class="columns-line">{en.keys.importColumns}</code>
      </p>
      <Field label={en.keys.importFile}>
        <input
          type="file"
          accept=".csv,text/csv"
          onChange={(event) => void event.currentTarget.files?.[0]?.text().then(change)}
        />
      </Field>
      <Field label={en.keys.importPaste}>
        <textarea rows={5} value={csv} onInput={(event) => change(event.currentTarget.value)} />
      </Field>
      {planned === undefined ? null : <Preview planned={planned} />}
      {problem === undefined ? null : <Problem error={problem} />}
      <p class="note">{en.command}</p>
      <Command text={importCommand} />
      <div class="buttons">
        <button type="button" onClick={onDone}>
          {en.cancel}
        </button>
        {planned === undefined ? (
          <button
            type="button"
            class="primary"
            disabled={isBusy || csv.trim() === ''}
            onClick={() => void check()}
          >
            {en.keys.importCheck}
          </button>
        ) : (
          <button type="button" class="primary" disabled={isBusy} onClick={() => void create()}>
            {en.keys.importCreate(planned.length)}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function Preview({ planned }: { planned: readonly PlannedKey[] }) {
  return (
    <TableFrame label={en.keys.importPreview} isPreview>
      <table>
        <thead>
          <tr>
            {[
              en.keys.line,
              en.keys.label,
              en.keys.owner,
              en.keys.models,
              en.keys.limits,
              en.keys.expires,
            ].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {planned.map((key) => (
            <tr key={key.line}>
              <td class="number">{key.line}</td>
              <th scope="row">{key.label}</th>
              <td>{key.owner ?? en.none}</td>
              <td>{key.models.join(', ') || en.all}</td>
              <td>{limitTexts(key.limits).join(', ') || en.none}</td>
              <td>
                <Time iso={key.expiresAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function MadeKeys({ made, onClose }: { made: readonly KeyWithSecret[]; onClose: () => void }) {
  const rows = made.map(({ label, owner, id, key }) => [label, owner, id, key]);
  const csv = csvText([['label', 'owner', 'id', 'secret'], ...rows]);
  return (
    <Dialog title={en.keys.madeTitle(made.length)} onClose={onClose}>
      <p>{en.keys.madeOnce}</p>
      <TableFrame label={en.keys.madeTitle(made.length)} isPreview>
        <table>
          <thead>
            <tr>
              <th scope="col">{en.keys.label}</th>
              <th scope="col">{en.keys.secret}</th>
            </tr>
          </thead>
          <tbody>
            {made.map(({ id, label, key }) => (
              <tr key={id}>
                <th scope="row">{label}</th>
                <td>
                  <code>{key}</code> <Copy text={key} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
      <div class="buttons">
        <button type="button" onClick={() => saveCsvFile('flm-keys.csv', csv)}>
          {en.keys.download}
        </button>
        <button type="button" class="primary" onClick={onClose}>
          {en.keys.savedAll}
        </button>
      </div>
    </Dialog>
  );
}

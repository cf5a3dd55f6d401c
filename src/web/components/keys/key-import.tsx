/** Many keys from a CSV file: the server checks it, the page shows what would be made, and hands out the secrets once. */
import { useState } from 'preact/hooks';
import { csvText } from '../../../core/csv.ts';
import { call, type Key, type KeyWithSecret } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { Problem } from '../loaded.tsx';
import { Command, Copy, Dialog, Field, Time } from '../parts.tsx';
import { saveCsvFile } from '../save-file.ts';
import { TableFrame, TableHead } from '../table-frame.tsx';
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
    <Dialog title={t.keys.importTitle} onClose={onDone}>
      <p>{t.keys.importText}</p>
      <p>
        <code class="columns-line">{t.keys.importColumns}</code>
      </p>
      <Field label={t.keys.importFile}>
        <input
          type="file"
          accept=".csv,text/csv"
          onChange={(event) => void event.currentTarget.files?.[0]?.text().then(change)}
        />
      </Field>
      <Field label={t.keys.importPaste}>
        <textarea rows={5} value={csv} onInput={(event) => change(event.currentTarget.value)} />
      </Field>
      {planned === undefined ? null : <Preview planned={planned} />}
      {problem === undefined ? null : <Problem error={problem} />}
      <p class="note">{t.command}</p>
      <Command text={importCommand} />
      <div class="buttons">
        <button type="button" onClick={onDone}>
          {t.cancel}
        </button>
        {planned === undefined ? (
          <button
            type="button"
            class="primary"
            disabled={isBusy || csv.trim() === ''}
            onClick={() => void check()}
          >
            {t.keys.importCheck}
          </button>
        ) : (
          <button type="button" class="primary" disabled={isBusy} onClick={() => void create()}>
            {t.keys.importCreate(planned.length)}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function Preview({ planned }: { planned: readonly PlannedKey[] }) {
  return (
    <TableFrame label={t.keys.importPreview} isPreview>
      <table>
        <TableHead
          titles={[t.keys.line, t.keys.label, t.keys.owner, t.keys.models, t.keys.limits, t.keys.expires]}
        />
        <tbody>
          {planned.map((key) => (
            <tr key={key.line}>
              <td class="number">{key.line}</td>
              <th scope="row">{key.label}</th>
              <td>{key.owner ?? t.none}</td>
              <td>{key.models.join(', ') || t.all}</td>
              <td>{limitTexts(key.limits).join(t.comma) || t.none}</td>
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
    <Dialog title={t.keys.madeTitle(made.length)} onClose={onClose}>
      <p>{t.keys.madeOnce}</p>
      <TableFrame label={t.keys.madeTitle(made.length)} isPreview>
        <table>
          <thead>
            <tr>
              <th scope="col">{t.keys.label}</th>
              <th scope="col">{t.keys.secret}</th>
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
          {t.keys.download}
        </button>
        <button type="button" class="primary" onClick={onClose}>
          {t.keys.savedAll}
        </button>
      </div>
    </Dialog>
  );
}

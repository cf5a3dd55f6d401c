/** Share: links that become a key when a friend opens them. */
import { useState } from 'preact/hooks';
import type { ShareDocument } from '../../core/security/share-document.ts';
import { call, type ListPage, mayChange } from '../api/client.ts';
import type { ShareWithLink } from '../api/share.ts';
import { limitTexts } from '../components/keys/key-texts.ts';
import { Problem, Show, useLive } from '../components/loaded.tsx';
import { Command, Dialog, Empty, Time } from '../components/parts.tsx';
import { ForAdmin } from '../components/scope.tsx';
import { MadeShare } from '../components/share/made-share.tsx';
import { CreateShare } from '../components/share/share-form.tsx';
import { TableFrame, TableHead } from '../components/table-frame.tsx';
import { t } from '../i18n/texts.ts';

type Open =
  | { readonly what: 'create' }
  | { readonly what: 'made'; readonly made: ShareWithLink }
  | { readonly what: 'withdraw'; readonly share: ShareDocument };

const everyMs = 5_000;
const shown = 200;

export function SharePage() {
  const [open, setOpen] = useState<Open>();
  const [loaded, reload] = useLive(
    () => call<ListPage<ShareDocument>>('GET', `api/v1/shares?order=desc&limit=${shown}`),
    everyMs,
  );
  const close = () => {
    setOpen(undefined);
    reload();
  };
  return (
    <>
      <div class="bar">
        <p class="note">{t.share.intro}</p>
        <ForAdmin>
          <button type="button" class="primary" onClick={() => setOpen({ what: 'create' })}>
            {t.share.create}
          </button>
        </ForAdmin>
      </div>
      <Show loaded={loaded}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t.share.empty} hint={t.share.emptyHint} command="flm share LABEL" />
          ) : (
            <ShareTable shares={items} onWithdraw={(share) => setOpen({ what: 'withdraw', share })} />
          )
        }
      </Show>
      {open?.what === 'create' ? (
        <CreateShare onMade={(made) => setOpen({ what: 'made', made })} onClose={close} />
      ) : null}
      {open?.what === 'made' ? <MadeShare made={open.made} onClose={close} /> : null}
      {open?.what === 'withdraw' ? <Withdraw share={open.share} onClose={close} /> : null}
    </>
  );
}

function ShareTable({
  shares,
  onWithdraw,
}: {
  shares: readonly ShareDocument[];
  onWithdraw: (share: ShareDocument) => void;
}) {
  const titles = [
    t.keys.label,
    t.share.state,
    t.share.when,
    t.share.key,
    t.keys.limits,
    t.share.madeBy,
    t.actions,
  ];
  return (
    <TableFrame label={t.share.title}>
      <table>
        <TableHead titles={titles} />
        <tbody>
          {shares.map((share) => (
            <tr key={share.id}>
              <th scope="row" title={share.id}>
                {share.label}
              </th>
              <td>
                <span class={`state ${stateClasses[share.state]}`}>{t.share.states[share.state]}</span>
              </td>
              <td>
                {share.state === 'open' ? `${t.share.ends} ` : ''}
                <Time iso={share.redeemedAt ?? share.revokedAt ?? share.expiresAt} />
              </td>
              <td>
                {share.keyId === null ? (
                  t.none
                ) : (
                  <a href={`#/keys/${share.keyId}`}>
                    <code>{share.keyId}</code>
                  </a>
                )}
              </td>
              <td>{limitTexts(share.limits).join(t.comma) || t.none}</td>
              <td>{share.createdBy}</td>
              <td class="actions">
                {share.state === 'open' && mayChange() ? (
                  <button
                    type="button"
                    class="quiet"
                    aria-label={t.share.withdrawOf(share.label)}
                    onClick={() => onWithdraw(share)}
                  >
                    {t.share.withdraw}
                  </button>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

const stateClasses = {
  open: 'active',
  redeemed: '',
  expired: 'expired',
  revoked: 'revoked',
} as const;

function Withdraw({ share, onClose }: { share: ShareDocument; onClose: () => void }) {
  const [problem, setProblem] = useState<unknown>();
  const withdraw = async () => {
    try {
      await call('DELETE', `api/v1/shares/${share.id}`);
      onClose();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog title={t.share.withdrawTitle(share.label)} onClose={onClose}>
      <p>{t.share.withdrawText}</p>
      <p class="note">{t.command}</p>
      <Command text={`flm share revoke ${share.id}`} />
      {problem === undefined ? null : <Problem error={problem} />}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button type="button" class="danger" onClick={() => void withdraw()}>
          {t.share.withdraw}
        </button>
      </div>
    </Dialog>
  );
}

/** A new link, shown once, and what becomes of it: opened, a key, the first answer. */
import { useState } from 'preact/hooks';
import type { EndedRequestDocument } from '../../../core/proxy/request-document.ts';
import type { ShareDocument } from '../../../core/security/share-document.ts';
import { call } from '../../api/client.ts';
import type { ShareWithLink } from '../../api/share.ts';
import { t } from '../../i18n/texts.ts';
import { Show, useLive } from '../loaded.tsx';
import { Choice, Command, Copy, Dialog } from '../parts.tsx';
import { QrCode } from '../qr-code.tsx';

const everyMs = 1_000;
const trustCommand = 'flm cert trust --device';

export function MadeShare({ made, onClose }: { made: ShareWithLink; onClose: () => void }) {
  const { links, label } = made;
  const [link, setLink] = useState(links[0] ?? '');
  return (
    <Dialog title={t.share.madeTitle(label)} onClose={onClose}>
      {link === '' ? (
        <p>{t.share.noProxy}</p>
      ) : (
        <>
          <p>{t.share.once}</p>
          {links.length < 2 ? null : (
            <Choice
              label={t.share.address}
              value={link}
              options={Object.fromEntries(links.map((one) => [one, new URL(one).origin]))}
              onChange={setLink}
            />
          )}
          <p class="secret">
            <code>{link}</code> <Copy key={link} text={link} />
          </p>
          <QrCode text={link} label={t.share.qrOf(label)} />
          {link.startsWith('https:') ? (
            <>
              <p class="note">{t.share.trust}</p>
              <Command text={trustCommand} />
            </>
          ) : null}
          <Progress id={made.id} />
        </>
      )}
      <div class="buttons">
        <button type="button" class="primary" onClick={onClose}>
          {t.share.close}
        </button>
      </div>
    </Dialog>
  );
}

interface State {
  readonly share: ShareDocument;
  /** Of the key, newest first. */
  readonly requests: readonly EndedRequestDocument[];
}

function Progress({ id }: { id: string }) {
  const [loaded] = useLive(() => loadState(id), everyMs, [id]);
  return (
    <Show loaded={loaded}>
      {({ share, requests }) => {
        const answered = requests.find(({ status, model }) => status < 400 && model !== null);
        const refused = requests.filter(({ status }) => status >= 400);
        return (
          <div role="status">
            {refused.map(({ id: request, status, code }) => (
              <p key={request} class="result bad">
                {t.share.refused(status, code ?? '')} <code>{explainCommand(request)}</code>
              </p>
            ))}
            <p class={answered === undefined ? 'result' : 'result good'}>{stateText(share, answered)}</p>
          </div>
        );
      }}
    </Show>
  );
}

async function loadState(id: string): Promise<State> {
  const share = await call<ShareDocument>('GET', `api/v1/shares/${id}`);
  if (share.keyId === null) return { share, requests: [] };
  const recent = await call<{ readonly items: readonly EndedRequestDocument[] }>(
    'GET',
    `api/v1/requests/recent?key=${share.keyId}`,
  );
  return { share, requests: recent.items };
}

function stateText(share: ShareDocument, answered: EndedRequestDocument | undefined): string {
  if (answered !== undefined) return `✓ ${t.share.works(answered.model ?? t.none)}`;
  if (share.state === 'redeemed') return `✓ ${t.share.keyMade(share.redeemedFrom ?? t.none)}`;
  return share.state === 'open' ? t.share.waiting : t.share.over(t.share.states[share.state]);
}

function explainCommand(id: string): string {
  return `flm explain ${id}`;
}

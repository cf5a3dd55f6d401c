/** Certificates: the local CA, the certificates of running proxies, and the stored ones. */
import { useState } from 'preact/hooks';
import type { AuthorityDocument, StoredCertificateDocument } from '../../core/proxy/certificate-document.ts';
import type { ProxyDocument } from '../../core/proxy/proxy-document.ts';
import { call, type ListPage, mayChange } from '../api/client.ts';
import { exactTime } from '../components/format.ts';
import { Problem, Show, useLive } from '../components/loaded.tsx';
import { Command, Copy, Dialog, Empty } from '../components/parts.tsx';
import { saveTextFile } from '../components/save-file.ts';
import { TableFrame, TableHead } from '../components/table-frame.tsx';
import { t } from '../i18n/texts.ts';

interface Stored {
  readonly authority: AuthorityDocument | null;
  readonly items: readonly StoredCertificateDocument[];
}

const everyMs = 10_000;
const texts = t.certificates;

export function CertificatesPage() {
  const [loaded, reload] = useLive(load, everyMs);
  return (
    <Show loaded={loaded}>
      {({ stored, proxies }) => (
        <>
          <h2>{texts.authority}</h2>
          {stored.authority === null ? (
            <Empty
              title={texts.noAuthority}
              hint={texts.noAuthorityHint}
              command="flm proxy start --mode dev-selfsigned"
            />
          ) : (
            <Authority authority={stored.authority} />
          )}
          <h2>{texts.inUse}</h2>
          <InUse proxies={proxies.filter(({ certificate }) => certificate !== undefined)} onAsked={reload} />
          <h2>{texts.stored}</h2>
          <StoredTable items={stored.items} />
        </>
      )}
    </Show>
  );
}

async function load(): Promise<{ readonly stored: Stored; readonly proxies: readonly ProxyDocument[] }> {
  const [stored, { items: proxies }] = await Promise.all([
    call<Stored>('GET', 'api/v1/certificates'),
    call<ListPage<ProxyDocument>>('GET', 'api/v1/proxies?limit=500'),
  ]);
  return { stored, proxies };
}

function Authority({ authority }: { authority: AuthorityDocument }) {
  const [problem, setProblem] = useState<unknown>();
  const download = async () => {
    try {
      const { pem } = await call<{ readonly pem: string }>('GET', 'api/v1/certificates/authority');
      saveTextFile('flm-ca.pem', pem, 'application/x-pem-file');
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <>
      <p>{texts.authorityText}</p>
      <dl class="facts">
        <dt>{texts.name}</dt>
        <dd>{authority.title}</dd>
        <dt>{texts.fingerprint}</dt>
        <dd>
          <code class="breakable">{authority.fingerprint}</code> <Copy text={authority.fingerprint} />
        </dd>
        <dt>{texts.until}</dt>
        <dd>{exactTime(authority.expiresAt)}</dd>
        <dt>{texts.names}</dt>
        <dd>{authority.names.join(', ')}</dd>
        <dt>{texts.ranges}</dt>
        <dd>{authority.ranges.join(', ')}</dd>
        <dt>{texts.file}</dt>
        <dd>
          <code class="breakable">{authority.file}</code>
        </dd>
      </dl>
      {problem === undefined ? null : <Problem error={problem} />}
      <p>
        <button type="button" onClick={() => void download()}>
          {texts.download}
        </button>
      </p>
      <p class="note">{texts.trust}</p>
      <p>
        <Command text="flm cert trust" />
      </p>
      <p>
        <Command text="flm cert trust --device" />
      </p>
    </>
  );
}

function InUse({ proxies, onAsked }: { proxies: readonly ProxyDocument[]; onAsked: () => void }) {
  const [renewing, setRenewing] = useState<ProxyDocument>();
  const [asked, setAsked] = useState<string>();
  if (proxies.length === 0) return <p>{texts.noneInUse}</p>;
  return (
    <>
      {asked === undefined ? null : <p role="status">{texts.asked(asked)}</p>}
      <TableFrame label={texts.inUse}>
        <table>
          <TableHead titles={Object.values(texts.columns)} />
          <tbody>
            {proxies.map((proxy) => (
              <InUseRow key={proxy.id} proxy={proxy} onRenew={() => setRenewing(proxy)} />
            ))}
          </tbody>
        </table>
      </TableFrame>
      {renewing === undefined ? null : (
        <Renew
          proxy={renewing}
          onClose={() => setRenewing(undefined)}
          onAsked={() => {
            setAsked(renewing.profile);
            setRenewing(undefined);
            onAsked();
          }}
        />
      )}
    </>
  );
}

function InUseRow({ proxy, onRenew }: { proxy: ProxyDocument; onRenew: () => void }) {
  const { id, profile, mode, certificate } = proxy;
  if (certificate === undefined) return null;
  const { names, leftOut, expiresAt, expired, renewsAt, renewalFailures = 0, fingerprint } = certificate;
  return (
    <tr>
      <th scope="row">
        {profile}
        <small>{id}</small>
      </th>
      <td>
        {names.join(', ')}
        {leftOut.length === 0 ? null : <small>{texts.leftOut(leftOut.join(', '))}</small>}
      </td>
      <td>
        {exactTime(expiresAt)}
        <small>
          <span class={expired ? 'state down' : 'state running'}>
            {expired ? texts.expired : texts.valid}
          </span>
        </small>
      </td>
      <td>
        {renewsAt === undefined ? t.none : exactTime(renewsAt)}
        {renewalFailures === 0 ? null : (
          <small>
            <span class="state degraded">{texts.failures(renewalFailures)}</span>
          </small>
        )}
      </td>
      <td>
        <code class="breakable">{fingerprint}</code>
      </td>
      <td class="actions">
        {mode === 'https-acme' && mayChange() ? (
          <button type="button" onClick={onRenew}>
            {texts.renew}
          </button>
        ) : null}
      </td>
    </tr>
  );
}

function Renew({
  proxy,
  onClose,
  onAsked,
}: {
  proxy: ProxyDocument;
  onClose: () => void;
  onAsked: () => void;
}) {
  const [problem, setProblem] = useState<unknown>();
  const renew = async () => {
    try {
      await call('POST', 'api/v1/certificates/renew', { proxy: proxy.id });
      onAsked();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog title={texts.renewTitle(proxy.profile)} onClose={onClose}>
      <p>{texts.renewText}</p>
      <p class="note">{t.command}</p>
      <Command text={`flm cert renew ${proxy.profile}`} />
      {problem === undefined ? null : <Problem error={problem} />}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button type="button" class="primary" onClick={() => void renew()}>
          {texts.renew}
        </button>
      </div>
    </Dialog>
  );
}

function StoredTable({ items }: { items: readonly StoredCertificateDocument[] }) {
  if (items.length === 0) return <p>{texts.noneStored}</p>;
  return (
    <TableFrame label={texts.stored}>
      <table>
        <TableHead titles={Object.values(texts.storedColumns)} />
        <tbody>
          {items.map(({ profile, origin, shownTo, names = [], expiresAt, damage, file }) => (
            <tr key={file}>
              <th scope="row">
                {origin === 'acme' ? texts.ofAcme : texts.ofProfile(profile ?? '')}
                {shownTo === undefined ? null : <small>{texts.shownTo[shownTo]}</small>}
              </th>
              <td>{names.join(', ')}</td>
              <td>{expiresAt === undefined ? texts.damaged(damage ?? '') : exactTime(expiresAt)}</td>
              <td>
                <code class="breakable">{file}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

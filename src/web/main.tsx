/** The dashboard: signs in with the code in the page's address, and shows the page that the address names. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import {
  type ConnectionState,
  checkConnection,
  signInMethod,
  signInWithLink,
  whenConnectionChanges,
} from './api/client.ts';
import { placeInAddress } from './components/address.ts';
import { listenToKeys } from './components/keyboard.ts';
import { useLanguage } from './components/language.tsx';
import { Skeleton } from './components/loaded.tsx';
import { Navigation } from './components/navigation.tsx';
import { Command } from './components/parts.tsx';
import { ReadOnlyNote } from './components/scope.tsx';
import { SignIn } from './components/sign-in.tsx';
import { t } from './i18n/texts.ts';
import { isPageName, type PageName, pageNames, pageTable } from './page-table.ts';

const retryMs = 3_000;

function pageInAddress(): PageName {
  const [name = ''] = placeInAddress();
  return isPageName(name) ? name : (pageNames[0] as PageName);
}

/** A button, not a link to `#content`: the part of the address behind `#` names the page. */
function skipToContent(): void {
  document.getElementById('content')?.focus();
}

/** `opening`: the page is drawn while the session token is on its way. */
type SignInState = 'opening' | 'in' | 'out';

function Dashboard({ opening }: { opening: Promise<boolean> }) {
  const language = useLanguage();
  const [page, setPage] = useState(pageInAddress);
  const [signedIn, setSignedIn] = useState<SignInState>(signInMethod === 'key' ? 'out' : 'opening');
  const [connection, setConnection] = useState<ConnectionState>('online');
  useEffect(() => {
    const show = () => setPage(pageInAddress());
    addEventListener('hashchange', show);
    const forget = whenConnectionChanges((now) => {
      setConnection(now);
      if (now === 'ended') setSignedIn('out');
    });
    void opening.then((isIn) => setSignedIn(isIn ? 'in' : 'out'));
    return () => {
      removeEventListener('hashchange', show);
      forget();
    };
  }, []);
  useEffect(() => {
    document.title = `${t[page].title} · ${t.title}`;
  }, [page, language]);
  useEffect(() => {
    if (connection !== 'offline') return undefined;
    const timer = setInterval(() => void checkConnection(), retryMs);
    return () => clearInterval(timer);
  }, [connection]);
  if (signedIn === 'out')
    return <SignIn hasEnded={connection === 'ended'} onSignedIn={() => setSignedIn('in')} />;
  const Page = pageTable[page];
  return (
    <>
      <button type="button" class="skip" onClick={skipToContent}>
        {t.skipToContent}
      </button>
      <Navigation current={page} />
      <main id="content" tabIndex={-1}>
        {connection === 'offline' ? <Offline /> : null}
        <h1>{t[page].title}</h1>
        {signedIn === 'in' ? (
          <>
            <ReadOnlyNote />
            <Page />
          </>
        ) : (
          <Skeleton />
        )}
      </main>
    </>
  );
}

function Offline() {
  return (
    <div class="offline" role="status">
      <p>
        <strong>{t.offline.title}</strong>
        {t.between}
        {t.offline.hint}
      </p>
      {signInMethod === 'key' ? null : (
        <p>
          {t.offline.command} <Command text="flm ui" />
        </p>
      )}
    </div>
  );
}

listenToKeys();
const place = document.getElementById('page');
if (place !== null) render(<Dashboard opening={signInWithLink()} />, place);

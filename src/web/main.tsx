/** The dashboard: signs in with the code in the page's address, and shows the page that the address names. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import {
  type ConnectionState,
  checkConnection,
  signInWithLink,
  whenConnectionChanges,
} from './api/client.ts';
import { placeInAddress } from './components/address.ts';
import { listenToKeys } from './components/keyboard.ts';
import { Navigation } from './components/navigation.tsx';
import { Command } from './components/parts.tsx';
import { SignIn } from './components/sign-in.tsx';
import { en } from './i18n/en.ts';
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

function Dashboard({ wasSignedIn }: { wasSignedIn: boolean }) {
  const [page, setPage] = useState(pageInAddress);
  const [isSignedIn, setSignedIn] = useState(wasSignedIn);
  const [connection, setConnection] = useState<ConnectionState>('online');
  useEffect(() => {
    const show = () => setPage(pageInAddress());
    addEventListener('hashchange', show);
    const forget = whenConnectionChanges((now) => {
      setConnection(now);
      if (now === 'ended') setSignedIn(false);
    });
    return () => {
      removeEventListener('hashchange', show);
      forget();
    };
  }, []);
  useEffect(() => {
    document.title = `${en[page].title} · ${en.title}`;
  }, [page]);
  useEffect(() => {
    if (connection !== 'offline') return undefined;
    const timer = setInterval(() => void checkConnection(), retryMs);
    return () => clearInterval(timer);
  }, [connection]);
  if (!isSignedIn) return <SignIn hasEnded={connection === 'ended'} onSignedIn={() => setSignedIn(true)} />;
  const Page = pageTable[page];
  return (
    <>
      <button type="button" class="skip" onClick={skipToContent}>
        {en.skipToContent}
      </button>
      <Navigation current={page} />
      <main id="content" tabIndex={-1}>
        {connection === 'offline' ? <Offline /> : null}
        <h1>{en[page].title}</h1>
        <Page />
      </main>
    </>
  );
}

function Offline() {
  return (
    <div class="offline" role="status">
      <p>
        <strong>{en.offline.title}</strong> {en.offline.hint}
      </p>
      <Command text="flm ui" />
    </div>
  );
}

listenToKeys();
const place = document.getElementById('page');
if (place !== null) render(<Dashboard wasSignedIn={await signInWithLink()} />, place);

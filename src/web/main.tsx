/** The dashboard: signs in with the code in the page's address, and shows the page that the address names. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { signIn, whenLost } from './api/client.ts';
import { Command } from './components/parts.tsx';
import { en } from './i18n/en.ts';
import { AuditPage } from './pages/audit.tsx';
import { KeysPage } from './pages/keys.tsx';
import { PolicyPage } from './pages/policy.tsx';
import { SessionsPage } from './pages/sessions.tsx';
import { UsagePage } from './pages/usage.tsx';

const pages = {
  usage: UsagePage,
  keys: KeysPage,
  policy: PolicyPage,
  audit: AuditPage,
  sessions: SessionsPage,
};
type PageName = keyof typeof pages;

function pageInAddress(): PageName {
  const name = location.hash.replace(/^#\//, '');
  return Object.hasOwn(pages, name) ? (name as PageName) : 'usage';
}

function Dashboard({ lost: wasLost }: { lost: 'ended' | 'offline' | undefined }) {
  const [page, setPage] = useState(pageInAddress);
  const [lost, setLost] = useState(wasLost);
  useEffect(() => {
    const show = () => setPage(pageInAddress());
    addEventListener('hashchange', show);
    whenLost(setLost);
    return () => removeEventListener('hashchange', show);
  }, []);
  useEffect(() => {
    document.title = `${en.pages[page]} · ${en.title}`;
  }, [page]);
  if (lost !== undefined) return <Lost reason={lost} />;
  const Page = pages[page];
  return (
    <>
      <a class="skip" href="#content">
        {en.skipToContent}
      </a>
      <nav aria-label={en.navigation}>
        <strong>{en.title}</strong>
        {(Object.keys(pages) as PageName[]).map((name) => (
          <a key={name} href={`#/${name}`} aria-current={name === page ? 'page' : undefined}>
            {en.pages[name]}
          </a>
        ))}
      </nav>
      <main id="content" tabIndex={-1}>
        <h1>{en.pages[page]}</h1>
        <Page />
      </main>
    </>
  );
}

function Lost({ reason }: { reason: 'ended' | 'offline' }) {
  return (
    <main class="lost">
      <h1>{reason === 'ended' ? en.session.ended : en.session.offline}</h1>
      <p>{reason === 'ended' ? en.session.endedHint : en.session.offlineHint}</p>
      <Command text="flm ui" />
    </main>
  );
}

const place = document.getElementById('page');
if (place !== null) render(<Dashboard lost={(await signIn()) ? undefined : 'ended'} />, place);

/** The dashboard: signs in with the code in the page's address, and shows the page that the address names. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { signIn, whenLost } from './api/client.ts';
import { Navigation } from './components/navigation.tsx';
import { Command } from './components/parts.tsx';
import { en } from './i18n/en.ts';
import { isPageName, type PageName, pageNames, pageTable } from './page-table.ts';

function pageInAddress(): PageName {
  const name = location.hash.replace(/^#\//, '');
  return isPageName(name) ? name : (pageNames[0] as PageName);
}

/** A button, not a link to `#content`: the part of the address behind `#` names the page. */
function skipToContent(): void {
  document.getElementById('content')?.focus();
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
    document.title = `${en[page].title} · ${en.title}`;
  }, [page]);
  if (lost !== undefined) return <Lost reason={lost} />;
  const Page = pageTable[page];
  return (
    <>
      <button type="button" class="skip" onClick={skipToContent}>
        {en.skipToContent}
      </button>
      <Navigation current={page} />
      <main id="content" tabIndex={-1}>
        <h1>{en[page].title}</h1>
        <Page />
      </main>
    </>
  );
}

function Lost({ reason }: { reason: 'ended' | 'offline' }) {
  return (
    <main class="lost">
      <h1>{en.lost[reason]}</h1>
      <p>{en.lost[`${reason}Hint`]}</p>
      <Command text="flm ui" />
    </main>
  );
}

const place = document.getElementById('page');
if (place !== null) render(<Dashboard lost={(await signIn()) ? undefined : 'ended'} />, place);

/**
 * The pages, in the order of the navigation. Each has a name, which is its address (`#/keys`), its icon and its part of
 * the text catalogue. The first four have a place in the bar of a phone; the others are behind its fifth button.
 */
import type { ComponentType } from 'preact';
import { signInMethod } from './api/client.ts';
import { AuditPage } from './pages/audit.tsx';
import { CertificatesPage } from './pages/certificates.tsx';
import { ChatPage } from './pages/chat.tsx';
import { ConnectPage } from './pages/connect.tsx';
import { EnginesPage } from './pages/engines.tsx';
import { KeysPage } from './pages/keys.tsx';
import { LogsPage } from './pages/logs.tsx';
import { NowPage } from './pages/now.tsx';
import { PolicyPage } from './pages/policy.tsx';
import { SessionsPage } from './pages/sessions.tsx';
import { SharePage } from './pages/share.tsx';
import { UsagePage } from './pages/usage.tsx';

export const pageTable = {
  now: NowPage,
  usage: UsagePage,
  keys: KeysPage,
  connect: ConnectPage,
  chat: ChatPage,
  share: SharePage,
  engines: EnginesPage,
  policy: PolicyPage,
  certificates: CertificatesPage,
  audit: AuditPage,
  logs: LogsPage,
  sessions: SessionsPage,
} as const satisfies Readonly<Record<string, ComponentType>>;

export type PageName = keyof typeof pageTable;
/** Who signs in with a key has no session. */
const hidden: readonly string[] = signInMethod === 'key' ? ['sessions'] : [];

// A record's keys are those of its type: the table is written above.
export const pageNames = Object.keys(pageTable).filter((name) => !hidden.includes(name)) as PageName[];

export function isPageName(name: string): name is PageName {
  return Object.hasOwn(pageTable, name) && !hidden.includes(name);
}

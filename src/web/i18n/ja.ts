/**
 * Every text of the pages, in Japanese, in files as those of en/. Terms are those of docs/ja/glossary.md. A missing entry does
 * not compile, nor one that English has not.
 */
import { japaneseClientTexts } from '../../clients/texts-ja.ts';
import type { Catalogue } from './catalogue.ts';
import { audit } from './ja/audit.ts';
import { certificates } from './ja/certificates.ts';
import { chat } from './ja/chat.ts';
import { common } from './ja/common.ts';
import { connect } from './ja/connect.ts';
import { engines } from './ja/engines.ts';
import { guest } from './ja/guest.ts';
import { keys } from './ja/keys.ts';
import { logs } from './ja/logs.ts';
import { now } from './ja/now.ts';
import { policy } from './ja/policy.ts';
import { root } from './ja/root.ts';
import { sessions } from './ja/sessions.ts';
import { share } from './ja/share.ts';
import { usage } from './ja/usage.ts';

export const ja = {
  ...common,
  audit,
  chat,
  certificates,
  clients: japaneseClientTexts,
  connect,
  engines,
  guest,
  keys,
  logs,
  now,
  policy,
  root,
  sessions,
  share,
  usage,
} satisfies Catalogue;

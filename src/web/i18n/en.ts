/**
 * Every text of the pages, in English. The texts of another language have the same form (catalogue.ts).
 * Each page has a file in en/ with its `title`; texts for several pages are in en/common.ts.
 */
import { clientTexts } from '../../clients/texts.ts';
import { audit } from './en/audit.ts';
import { certificates } from './en/certificates.ts';
import { chat } from './en/chat.ts';
import { common } from './en/common.ts';
import { connect } from './en/connect.ts';
import { engines } from './en/engines.ts';
import { guest } from './en/guest.ts';
import { keys } from './en/keys.ts';
import { logs } from './en/logs.ts';
import { now } from './en/now.ts';
import { policy } from './en/policy.ts';
import { root } from './en/root.ts';
import { sessions } from './en/sessions.ts';
import { share } from './en/share.ts';
import { usage } from './en/usage.ts';

export const en = {
  ...common,
  audit,
  chat,
  certificates,
  clients: clientTexts,
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
};

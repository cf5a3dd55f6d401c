/** The Japanese texts of the terminal. Terms and style: docs/ja/glossary.md. */
import { japaneseConnectTexts } from '../../clients/advice-ja.ts';
import type { CliCatalogue } from './catalogue.ts';
import { apply } from './ja/apply.ts';
import { audit } from './ja/audit.ts';
import { backup } from './ja/backup.ts';
import { cert } from './ja/cert.ts';
import { chat } from './ja/chat.ts';
import { configFlags } from './ja/config-flags.ts';
import { connect } from './ja/connect.ts';
import { db } from './ja/db.ts';
import { doctor } from './ja/doctor.ts';
import { engine } from './ja/engine.ts';
import { errorTable } from './ja/error-table.ts';
import { errors } from './ja/errors.ts';
import { explain } from './ja/explain.ts';
import { flags } from './ja/flags.ts';
import { fleet } from './ja/fleet.ts';
import { help } from './ja/help.ts';
import { key } from './ja/key.ts';
import { model } from './ja/model.ts';
import { next } from './ja/next.ts';
import { phrases } from './ja/phrases.ts';
import { policy } from './ja/policy.ts';
import { profile } from './ja/profile.ts';
import { progress } from './ja/progress.ts';
import { proxy } from './ja/proxy.ts';
import { requests } from './ja/requests.ts';
import { self } from './ja/self.ts';
import { service } from './ja/service.ts';
import { share } from './ja/share.ts';
import { status } from './ja/status.ts';
import { tail } from './ja/tail.ts';
import { top } from './ja/top.ts';
import { ui } from './ja/ui.ts';
import { units } from './ja/units.ts';
import { up } from './ja/up.ts';
import { retention, usage } from './ja/usage.ts';

export const ja: CliCatalogue = {
  cert,
  apply,
  audit,
  chat,
  connect,
  configFlags,
  connectAdvice: japaneseConnectTexts,
  backup,
  db,
  doctor,
  engine,
  errorTable,
  errors,
  explain,
  flags,
  fleet,
  phrases,
  help,
  key,
  model,
  next,
  policy,
  profile,
  progress,
  proxy,
  requests,
  self,
  service,
  share,
  status,
  tail,
  top,
  ui,
  units,
  up,
  usage,
  retention,
};

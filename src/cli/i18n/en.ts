/** The English texts of the terminal. One file for each command group or view. */

import { connectTexts } from '../../app/connect/texts.ts';
import { apply } from './en/apply.ts';
import { audit } from './en/audit.ts';
import { backup } from './en/backup.ts';
import { cert } from './en/cert.ts';
import { chat } from './en/chat.ts';
import { configFlags } from './en/config-flags.ts';
import { connect } from './en/connect.ts';
import { db } from './en/db.ts';
import { doctor } from './en/doctor.ts';
import { engine } from './en/engine.ts';
import { errorTable } from './en/error-table.ts';
import { errors } from './en/errors.ts';
import { explain } from './en/explain.ts';
import { flags } from './en/flags.ts';
import { fleet } from './en/fleet.ts';
import { help } from './en/help.ts';
import { key } from './en/key.ts';
import { model } from './en/model.ts';
import { next } from './en/next.ts';
import { phrases } from './en/phrases.ts';
import { policy } from './en/policy.ts';
import { profile } from './en/profile.ts';
import { progress } from './en/progress.ts';
import { proxy } from './en/proxy.ts';
import { requests } from './en/requests.ts';
import { self } from './en/self.ts';
import { service } from './en/service.ts';
import { share } from './en/share.ts';
import { status } from './en/status.ts';
import { tail } from './en/tail.ts';
import { top } from './en/top.ts';
import { ui } from './en/ui.ts';
import { units } from './en/units.ts';
import { up } from './en/up.ts';
import { retention, usage } from './en/usage.ts';

export const en = {
  cert,
  apply,
  audit,
  chat,
  connect,
  configFlags,
  /** The admin API has these too, always in English. */
  connectAdvice: connectTexts,
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

/** The English texts of the terminal. One file for each command group or view. */
import { chat } from './en/chat.ts';
import { engine } from './en/engine.ts';
import { errors } from './en/errors.ts';
import { help } from './en/help.ts';
import { key } from './en/key.ts';
import { next } from './en/next.ts';
import { progress } from './en/progress.ts';
import { requests } from './en/requests.ts';
import { share } from './en/share.ts';
import { status } from './en/status.ts';
import { tail } from './en/tail.ts';
import { top } from './en/top.ts';
import { units } from './en/units.ts';
import { up } from './en/up.ts';
import { retention, usage } from './en/usage.ts';

export const en = {
  chat,
  engine,
  errors,
  help,
  key,
  next,
  progress,
  requests,
  share,
  status,
  tail,
  top,
  units,
  up,
  usage,
  retention,
};

/** The Japanese texts of the terminal. Terms and style: docs/ja/glossary.md. */
import type { CliCatalogue } from './catalogue.ts';
import { chat } from './ja/chat.ts';
import { engine } from './ja/engine.ts';
import { errors } from './ja/errors.ts';
import { help } from './ja/help.ts';
import { key } from './ja/key.ts';
import { next } from './ja/next.ts';
import { progress } from './ja/progress.ts';
import { requests } from './ja/requests.ts';
import { share } from './ja/share.ts';
import { status } from './ja/status.ts';
import { tail } from './ja/tail.ts';
import { top } from './ja/top.ts';
import { units } from './ja/units.ts';
import { up } from './ja/up.ts';
import { retention, usage } from './ja/usage.ts';

export const ja: CliCatalogue = {
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

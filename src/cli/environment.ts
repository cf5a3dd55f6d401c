/**
 * The only file that reads environment variables. All other code receives values as parameters.
 *
 * flm's own variables: FLM_HOME (the data folder), FLM_API_KEY (the key in the settings that `flm connect` prints),
 * FLM_DETECT_PORTS (the ports where flm looks for engines in place of the usual ones; empty for none), FLM_LANG (the
 * language of output for people), FLM_PROXY_ and the name of a setting (environment-settings.ts),
 * FLM_ADMIN_KEY_FILE (first-admin-key.ts), FLM_DATABASE_URL and others of shared stores (core/store-settings.ts).
 */
import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';
import process from 'node:process';
import type { Environment } from '../core/environment.ts';

// Each working folder would have a data folder of its own. Without HOME, the system's account names the home folder.
if (process.env.HOME !== undefined && !isAbsolute(process.env.HOME)) delete process.env.HOME;
try {
  homedir();
} catch {
  // A user without HOME and without an account, which is common in containers; Docker then sets this, too.
  process.env.HOME = '/';
}

export const environment: Environment = process.env;

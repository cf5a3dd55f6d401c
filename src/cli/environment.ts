/**
 * The one place that reads environment variables. Everything further in is given what it needs.
 *
 * Variables of flm's own: FLM_HOME (where all data lies), FLM_API_KEY (the key that `flm connect` prints into settings),
 * FLM_DETECT_PORTS (ports to look for engines at, in place of the usual ones; empty for none).
 */
import process from 'node:process';
import type { Environment } from '../core/environment.ts';

export const environment: Environment = process.env;

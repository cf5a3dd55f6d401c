/**
 * All parts in the order in which they run.
 */
import { burst, spread } from './events.ts';
import { wait } from './first-byte.ts';
import { engines, keys, models } from './growth.ts';
import { latency } from './latency.ts';
import { limits } from './limits.ts';
import type { Measure } from './measure.ts';
import { memory } from './memory.ts';
import { bodies, json } from './requests.ts';
import { first, start } from './start.ts';
import { tls } from './tls.ts';

export const allMeasures: readonly Measure[] = [
  json,
  bodies,
  burst,
  spread,
  wait,
  latency,
  tls,
  memory,
  start,
  first,
  keys,
  engines,
  models,
  limits,
];

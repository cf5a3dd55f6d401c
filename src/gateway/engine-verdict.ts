/**
 * Judges an engine by the result of an attempt: good, failed, or flm's own key was refused.
 *
 * Undefined where the result does not judge the engine: the client left, a model may still load, the request itself was
 * refused (4xx), or the request was not inference, so that unusual paths of an administrator do not change the rank.
 */
import type { Candidate } from '../core/engine/directory.ts';
import type { EngineAnswer } from '../core/engine/engine-rank.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { AttemptResult } from './relay/relay.ts';
import type { RequestHeaders } from './request-headers.ts';
import type { Route } from './routes.ts';

export function engineVerdict(
  request: { readonly route: Route; readonly bound: boolean; readonly generates: boolean },
  key: Pick<KeyView, 'familyId'>,
  candidate: Candidate,
  result: AttemptResult,
  client: Pick<RequestHeaders, 'namesAccount'>,
): EngineAnswer | undefined {
  if (!request.generates && request.route.handler !== 'inference') return undefined;
  // The catalogue lists the model on this engine, so a 404 is not caused by a mistake of the client.
  const listed = candidate.model !== undefined && !request.bound;
  const verdict = verdictOf(result, listed, client);
  if (verdict === undefined) return undefined;
  return { verdict, family: key.familyId, model: candidate.model?.id, what: whatHappened(result) };
}

function verdictOf(
  { end, status, errorSeen }: AttemptResult,
  listed: boolean,
  client: Pick<RequestHeaders, 'namesAccount'>,
): EngineAnswer['verdict'] | undefined {
  if (end === 'reset' || end === 'protocol') return 'failed';
  if (end !== 'done' || status === undefined) return undefined;
  // With an account that the engine does not know, one client could make the engine rank last for all clients.
  if (status === 401 || status === 403) {
    if (client.namesAccount) return 'failed';
    return status === 401 ? 'key-refused' : 'forbidden';
  }
  if (status >= 500 || status === 429 || (status === 404 && listed)) return 'failed';
  if (status >= 300) return undefined;
  return errorSeen ? 'failed' : 'good';
}

function whatHappened({ end, status, errorSeen }: AttemptResult): string {
  if (end === 'reset') return 'a broken connection';
  if (end === 'protocol') return 'an invalid response';
  return errorSeen ? 'an error in its stream' : `status ${status}`;
}

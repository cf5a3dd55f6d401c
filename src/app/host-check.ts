/**
 * Whether a proxy answers for a host name: asked of the proxy itself, by the one question that needs no key.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { requestOwnDoor } from './own-door.ts';

/** `url` without a path. Rejects where nobody answers there. */
export async function answersForHost(
  url: string,
  host: string,
  signal: AbortSignal,
  authority: string | undefined,
): Promise<boolean> {
  const sent = requestOwnDoor(`${url}/health`, { agent: false, headers: { host }, signal }, authority);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  // 421 Misdirected Request, RFC 9110 section 15.5.20.
  return response.statusCode !== 421;
}

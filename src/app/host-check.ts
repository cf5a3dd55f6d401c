/**
 * Whether a proxy that speaks plain HTTP answers for a host name: asked of the proxy itself, by the one question that
 * needs no key. With HTTPS its certificate says it.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** `url` without a path. Rejects where nobody answers there. */
export async function answersForHost(url: string, host: string, signal: AbortSignal): Promise<boolean> {
  const sent = request(`${url}/health`, { agent: false, headers: { host }, signal }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  // 421 Misdirected Request, RFC 9110 section 15.5.20.
  return response.statusCode !== 421;
}

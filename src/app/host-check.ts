/**
 * Checks whether a plain HTTP proxy accepts a host name, with the one request to the proxy that needs no key. For HTTPS
 * the names in the certificate answer this.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** `url` has no path. Rejects if the connection fails. */
export async function answersForHost(url: string, host: string, signal: AbortSignal): Promise<boolean> {
  const sent = request(`${url}/health`, { agent: false, headers: { host }, signal }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  // 421 Misdirected Request, RFC 9110 section 15.5.20.
  return response.statusCode !== 421;
}

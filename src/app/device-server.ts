/**
 * Serves the CA's certificate to devices on the local network for a limited time. It uses plain HTTP, because the
 * devices do not trust HTTPS yet. Only GET and HEAD requests for four fixed paths are answered. A request with a
 * credential or a body is refused.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type DeviceFacts, deviceAnswer, deviceFields } from '../tls/device-page.ts';
import { devicePageLanguages } from '../tls/device-page-texts.ts';
import { preferredLanguage } from '../ui/accept-language.ts';

export interface DeviceServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxConnections = 64;

/** Listens on every address. Calls `onVisit` for each downloaded file. Rejects with the error of the bind. */
export async function serveDevices(
  facts: DeviceFacts,
  port: number,
  onVisit: (address: string, path: string) => void,
): Promise<DeviceServer> {
  const server = createServer(
    { maxHeaderSize: 8 * 1024, headersTimeout: 5_000, requestTimeout: 5_000 },
    (req, res) => {
      answer(req, res, facts);
      if (res.statusCode === 200) onVisit(req.socket.remoteAddress ?? 'unknown', req.url ?? '');
    },
  );
  server.maxConnections = maxConnections;
  server.listen(port);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(req: IncomingMessage, res: ServerResponse, facts: DeviceFacts): void {
  const { headers, method } = req;
  const carriesKey =
    headers.authorization !== undefined ||
    headers['x-api-key'] !== undefined ||
    headers['api-key'] !== undefined;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const refuse = (status: number, text: string): void => {
    res.writeHead(status, {
      ...deviceFields,
      'content-type': 'text/plain; charset=utf-8',
      connection: 'close',
    });
    res.end(`${text}\n`);
  };
  if (carriesKey) {
    return refuse(
      403,
      'Do not send a key to this page: it uses plain HTTP, so the key could be read on the network. Replace the key.',
    );
  }
  if ((method !== 'GET' && method !== 'HEAD') || hasBody)
    return refuse(405, 'Only GET and HEAD are allowed.');
  const { status, type, body, fileName } = deviceAnswer(
    (req.url ?? '/').split('?')[0] ?? '/',
    facts,
    headers['user-agent'],
    preferredLanguage(headers['accept-language'] ?? '', devicePageLanguages),
  );
  res.writeHead(status, {
    ...deviceFields,
    'content-type': type,
    'content-length': body.length,
    connection: 'close',
    ...(fileName === undefined ? {} : { 'content-disposition': `attachment; filename="${fileName}"` }),
  });
  res.end(method === 'HEAD' ? undefined : body);
}

/**
 * An ACME server whose responses a test defines, for responses that a real server cannot be made to send: invalid data,
 * silence, rate limits. It verifies nothing.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { testCertificate } from './test-certificate.ts';

export type Say = (response: ServerResponse, request: IncomingMessage) => void;

export interface FakeCa {
  readonly directory: string;
  readonly caFile: string;
  /** Paths that were asked for, with their methods. */
  readonly asked: string[];
  /** Responses by path. The responses of a successful start are predefined. */
  readonly says: Record<string, Say>;
}

/** `folder` receives the file of its certificate. */
export async function startFakeCa(t: TestContext, folder: string, nowMs: () => number): Promise<FakeCa> {
  const { key, cert } = testCertificate('localhost');
  const caFile = join(folder, 'fake-ca.pem');
  writeFileSync(caFile, cert);
  const asked: string[] = [];
  const says: Record<string, Say> = {
    '/directory': (r) =>
      json(r, 200, {
        newNonce: `${base()}/nonce`,
        newAccount: `${base()}/account`,
        newOrder: `${base()}/order`,
        meta: { termsOfService: 'https://ca.example/terms' },
      }),
    '/nonce': (r) => r.end(),
    '/account': (r) => {
      r.setHeader('location', `${base()}/account/1`);
      json(r, 201, { status: 'valid' });
    },
  };
  const server = createServer({ key, cert }, (request, response) => {
    const path = request.url ?? '';
    asked.push(`${request.method} ${path}`);
    request.resume();
    response.setHeader('date', new Date(nowMs()).toUTCString());
    response.setHeader('replay-nonce', `nonce${asked.length}`);
    const say = says[path];
    if (say === undefined) response.writeHead(404).end();
    else say(response, request);
  }).listen(0);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  const base = (): string => `https://localhost:${(server.address() as AddressInfo).port}`;
  return { directory: `${base()}/directory`, caFile, asked, says };
}

export function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export function problem(response: ServerResponse, status: number, type: string, detail: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status }));
}

/**
 * Certificates: the local CA, the stored certificates, and the renewal of those of an ACME server. The trust of this
 * machine and a new CA are changed only on the machine itself.
 */
import { z } from 'zod';
import { CertificateError, ProxyError } from '../../core/errors.ts';
import { authorityDocumentSchema, storedCertificateSchema } from '../../core/proxy/certificate-document.ts';
import { type Operation, operation } from '../operation.ts';

export const certificateOperations: readonly Operation[] = [
  operation({
    id: 'listCertificates',
    method: 'GET',
    path: '/certificates',
    tag: 'certificates',
    summary: 'Show the local CA and the stored certificates of proxies.',
    scope: 'admin:read',
    status: 200,
    response: z.strictObject({
      authority: authorityDocumentSchema.nullable().describe('Null if there is no local CA yet.'),
      items: z.array(storedCertificateSchema).readonly(),
    }),
    errors: ['CERT_AUTHORITY_UNUSABLE', 'CERT_STORE_FAILED'],
    async run({ services }) {
      const { authority, certificates } = await services.certificates();
      return { authority: authority?.document ?? null, items: certificates };
    },
  }),
  operation({
    id: 'getAuthority',
    method: 'GET',
    path: '/certificates/authority',
    tag: 'certificates',
    summary: 'Get the certificate of the local CA, for devices that must trust it. It has no secret.',
    scope: 'admin:read',
    status: 200,
    response: z.strictObject({ ...authorityDocumentSchema.shape, pem: z.string() }),
    errors: ['CERT_AUTHORITY_ABSENT', 'CERT_AUTHORITY_UNUSABLE', 'CERT_STORE_FAILED'],
    async run({ services }) {
      const { authority } = await services.certificates();
      if (authority === undefined) throw new CertificateError('CERT_AUTHORITY_ABSENT');
      return { ...authority.document, pem: authority.pem };
    },
  }),
  operation({
    id: 'renewCertificates',
    method: 'POST',
    path: '/certificates/renew',
    tag: 'certificates',
    summary:
      'Make running `https-acme` proxies request a new certificate now. The proxies show the result as `certificate`.',
    scope: 'admin',
    body: z.strictObject({
      proxy: z.string().max(64).optional().describe('Id or profile; by default every https-acme proxy.'),
    }),
    status: 200,
    response: z.strictObject({
      asked: z
        .array(z.strictObject({ id: z.string(), profile: z.string() }))
        .describe('Empty if no https-acme proxy runs: the next start may order a certificate immediately.'),
    }),
    errors: ['PROXY_NOT_RUNNING', 'CERT_STORE_FAILED'],
    async run({ services, caller }, { body: { proxy: which } }) {
      const views = await services.proxies(caller).status();
      const running = views.flatMap((view) =>
        view.state === 'running' &&
        view.handle.mode === 'https-acme' &&
        (which === undefined || view.handle.id === which || view.handle.profile === which)
          ? [view]
          : [],
      );
      if (which !== undefined && running.length === 0)
        throw new ProxyError('PROXY_NOT_RUNNING', {
          params: { which: ` with the id or profile ${which} in mode https-acme` },
        });
      await services.renewCertificates(running.map(({ status }) => status.config));
      for (const { handle } of running)
        await services.audit.record({
          atMs: services.nowMs(),
          actor: caller.actor,
          action: 'certificate.renew',
          subject: handle.id,
        });
      return { asked: running.map(({ handle: { id, profile } }) => ({ id, profile })) };
    },
  }),
];

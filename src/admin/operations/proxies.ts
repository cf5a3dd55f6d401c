/** Proxies: list, show, restart, the lines of their logs, and the warnings about them. */
import { z } from 'zod';
import { logLevels } from '../../core/errors.ts';
import { crashDocumentSchema, proxyDocument, proxyDocumentSchema } from '../../core/proxy/proxy-document.ts';
import type { ProxyService, ProxyView } from '../../core/proxy/proxy-service.ts';
import { warningSchema } from '../../core/proxy/warning.ts';
import { allWarnings } from '../../core/proxy/warnings.ts';
import { type Operation, operation } from '../operation.ts';
import { countInQuery, pageOf, pageQuery, pageSchema } from '../paging.ts';

const path = z.strictObject({ proxy: z.string().max(64).describe('Its id or its profile.') });

const logLineSchema = z
  .strictObject({
    time: z.string().nullable(),
    level: z.string().nullable(),
    message: z.string().describe('The whole line if it is no JSON object.'),
    fields: z.record(z.string(), z.unknown()).describe('Further fields of the line.'),
  })
  .meta({ id: 'LogLine' });

export const proxyOperations: readonly Operation[] = [
  operation({
    id: 'listProxies',
    method: 'GET',
    path: '/proxies',
    tag: 'proxies',
    summary: 'List the running proxies, as their processes report them, and those that ended without a stop.',
    scope: 'admin:read',
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageSchema(proxyDocumentSchema).extend({ crashed: z.array(crashDocumentSchema).readonly() }),
    async run({ services, caller }, { query }) {
      const views = await services.proxies(caller).status();
      const documents = views.map((view) => proxyDocument(view));
      return { ...pageOf(documents, ({ id }) => id, query), crashed: await services.crashes() };
    },
  }),
  operation({
    id: 'getProxy',
    method: 'GET',
    path: '/proxies/{proxy}',
    tag: 'proxies',
    summary: 'Show a running proxy.',
    scope: 'admin:read',
    params: path,
    status: 200,
    response: proxyDocumentSchema,
    errors: ['PROXY_NOT_RUNNING', 'PROXY_AMBIGUOUS'],
    async run({ services, caller }, { path: { proxy } }) {
      const { nonce } = await services.proxies(caller).find(proxy);
      return proxyDocument(await viewOf(services.proxies(caller), proxy, nonce));
    },
  }),
  operation({
    id: 'restartProxy',
    method: 'POST',
    path: '/proxies/{proxy}/restart',
    tag: 'proxies',
    summary:
      'Replace a proxy with a new process that reads its profile again. No connection is refused; the old process finishes its responses.',
    scope: 'admin',
    params: path,
    status: 200,
    response: proxyDocumentSchema,
    errors: [
      'PROXY_NOT_RUNNING',
      'PROXY_AMBIGUOUS',
      'PROXY_STARTING',
      'PROXY_RESTARTING',
      'PROXY_DRAINING',
      'PROXY_SUPERVISED',
      'PROXY_IN_FOREGROUND',
      'PROXY_ADDRESS_OVERLAPS',
      'PROXY_INVALID_CONFIG',
      'PROXY_PORT_IN_USE',
      'PROXY_CONTROL_UNREACHABLE',
      'PROXY_HAND_OVER_FAILED',
      'PROXY_HAND_OVER_TIMEOUT',
      'PROXY_START_FAILED',
      'PROXY_START_TIMEOUT',
      'PROFILE_NOT_FOUND',
    ],
    idempotent: true,
    async run({ services, caller }, { path: { proxy } }) {
      // Without `program`: over HTTP nothing names a program or its environment.
      const successor = await services.proxies(caller).restart(proxy, { overrides: {} }, services.signal);
      return proxyDocument(await viewOf(services.proxies(caller), successor.id, successor.nonce));
    },
  }),
  operation({
    id: 'listLogLines',
    method: 'GET',
    path: '/proxies/{proxy}/logs',
    tag: 'proxies',
    summary:
      'List lines of the log of a proxy, newest first. `proxy` may also be a profile that does not run. A search reads a bounded part of the log for each page, so a page can be empty although `nextCursor` is not null.',
    scope: 'admin:read',
    params: path,
    query: z.strictObject({
      limit: countInQuery(1_000, 100),
      cursor: z.string().max(64).optional().describe('`nextCursor` of the page before.'),
      level: z.enum(logLevels).optional().describe('Only lines of this level or a more serious one.'),
      search: z.string().max(200).optional().describe('Only lines that contain this text.'),
    }),
    status: 200,
    response: z.strictObject({
      profile: z.string(),
      items: z.array(logLineSchema),
      nextCursor: z.string().nullable().describe('Null at the beginning of the log.'),
    }),
    errors: ['PROFILE_NOT_FOUND'],
    async run({ services }, { path: { proxy }, query }) {
      const { limit, cursor, level, search } = query;
      const text = search?.toLowerCase();
      const least = level === undefined ? undefined : logLevels.indexOf(level);
      const page = await services.logPage(proxy, {
        limit,
        ...(cursor === undefined ? {} : { before: cursor }),
        matches: (line) =>
          (text === undefined || line.toLowerCase().includes(text)) &&
          (least === undefined || levelOf(line) >= least),
      });
      return { profile: page.profile, items: page.lines.map(logLine), nextCursor: page.before };
    },
  }),
  operation({
    id: 'listWarnings',
    method: 'GET',
    path: '/warnings',
    tag: 'proxies',
    summary: 'List what is wrong now, as `flm proxy status` shows it, each with the command that fixes it.',
    scope: 'admin:read',
    status: 200,
    response: z.strictObject({
      items: z
        .array(
          warningSchema.extend({
            proxy: z.string().nullable().describe('The proxy that it is about.'),
            profile: z.string().nullable(),
          }),
        )
        .readonly(),
    }),
    run: async ({ services, caller }) => ({
      items: allWarnings(await services.proxies(caller).status(), await services.crashes()),
    }),
  }),
];

/** The current view of a proxy that was found a moment before. */
async function viewOf(proxies: ProxyService, which: string, nonce: string): Promise<ProxyView> {
  const view = (await proxies.status()).find(({ handle }) => handle.nonce === nonce);
  if (view !== undefined) return view;
  // It ended meanwhile.
  return { state: 'not-answering', handle: await proxies.find(which) };
}

/** -1 for a line without a level. */
function levelOf(line: string): number {
  const { level } = logLine(line);
  // The level of a line may be any text.
  return (logLevels as readonly (string | null)[]).indexOf(level);
}

function logLine(line: string): z.input<typeof logLineSchema> {
  const value = jsonObject(line);
  if (value === undefined) return { time: null, level: null, message: line, fields: {} };
  // `atMs` repeats `time`.
  const { time, level, msg, atMs: _, ...fields } = value;
  const text = (given: unknown): string | null => (typeof given === 'string' ? given : null);
  return { time: text(time), level: text(level), message: text(msg) ?? '', fields };
}

function jsonObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

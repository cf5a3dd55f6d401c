/**
 * The pages that a data listener serves without a key. They hold nothing about this proxy. The files are in memory: a
 * running proxy reads no page from disk.
 */
import { brotliCompressSync } from 'node:zlib';
import type { AdminPort } from '../core/proxy/admin-port.ts';
import type { Pages } from '../gateway/open-pages.ts';
import type { OwnFile } from '../gateway/route-handler.ts';
import { preferredLanguage } from '../ui/accept-language.ts';
import { securityHeaders } from '../ui/security-headers.ts';
import { StaticFile } from '../ui/static-file.ts';
import { webFiles } from '../ui/web-files.ts';

/** The names of the pages' files that every data listener serves below `/flm/`. The dashboard has no use for them. */
const names: readonly string[] = ['share', 'share.js', 'me', 'me.js', 'guest.css'];

/** The dashboard's files. */
const dashboardNames: readonly string[] = ['index.html', 'page.js', 'page.css'];

/** `admin`: the listener serves the dashboard too. */
export function ownPages(admin: boolean): Pages {
  const files = webFiles();
  const some = (wanted: readonly string[]): ReadonlyMap<string, OwnFile> =>
    new Map(
      wanted.flatMap((name) => {
        const file = files.get(name);
        const path = `/flm/${name === 'index.html' ? '' : name}`;
        return file === undefined ? [] : [[path, ownFile(name === 'index.html' ? askingForKey(file) : file)]];
      }),
    );
  return {
    files: some(names),
    dashboard: some(admin ? dashboardNames : []),
    root: rootPage(files),
  };
}

/** Responses of the admin API have the headers of pages too, as those of the dashboard's own server. */
export function withPageHeaders(admin: AdminPort): AdminPort {
  return {
    async call(call, signal) {
      const reply = await admin.call(call, signal);
      return { ...reply, headers: { ...securityHeaders, ...reply.headers } };
    },
  };
}

/** The dashboard's page for a server without sessions: it signs in with an admin key (src/web/api/client.ts). */
function askingForKey(file: StaticFile): StaticFile {
  const text = file.response({ headers: {} }).body.toString('utf8');
  const asking = text.replace('<html ', '<html data-sign-in="key" ');
  return new StaticFile('text/html; charset=utf-8', brotliCompressSync(asking));
}

/** The other files: those of the dashboard. */
export function dashboardFiles(): ReadonlyMap<string, StaticFile> {
  return new Map([...webFiles()].filter(([name]) => dashboardNames.includes(name)));
}

/** The page at `/` in the language that the browser asks for. */
function rootPage(files: ReadonlyMap<string, StaticFile>): OwnFile | undefined {
  const prefix = 'root.';
  const pages = new Map(
    [...files].flatMap(([name, file]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), ownFile(file)] as const] : [],
    ),
  );
  const english = pages.get('en');
  if (english === undefined) return undefined;
  return {
    response(request) {
      const language = preferredLanguage(request.headers['accept-language'] ?? '', [...pages.keys()]);
      return (pages.get(language ?? 'en') ?? english).response(request);
    },
  };
}

/** The file with the headers that the dashboard's own server sends. */
function ownFile(file: StaticFile): OwnFile {
  return {
    response(request) {
      const response = file.response(request);
      return { ...response, headers: { ...securityHeaders, ...response.headers } };
    },
  };
}

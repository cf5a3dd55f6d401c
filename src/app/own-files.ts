/**
 * The files that a data listener serves without a key, by path. They hold nothing about this proxy. The files are in
 * memory: a running proxy reads no page from disk.
 */
import type { OwnFile } from '../gateway/route-handler.ts';
import { securityHeaders } from '../ui/security-headers.ts';
import type { StaticFile } from '../ui/static-file.ts';
import { webFiles } from '../ui/web-files.ts';

/** The names of the pages' files that every data listener serves below `/flm/`. The dashboard has no use for them. */
const names: readonly string[] = ['share', 'share.js', 'me', 'me.js', 'guest.css'];

export function ownFiles(): ReadonlyMap<string, OwnFile> {
  const files = new Map<string, OwnFile>();
  for (const [name, file] of webFiles()) if (names.includes(name)) files.set(`/flm/${name}`, ownFile(file));
  return files;
}

/** The other files: those of the dashboard. */
export function dashboardFiles(): ReadonlyMap<string, StaticFile> {
  return new Map([...webFiles()].filter(([name]) => !names.includes(name)));
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

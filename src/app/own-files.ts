/**
 * The files that a data listener serves without a key, by path. They hold nothing about this proxy. The files are in
 * memory: a running proxy reads no page from disk.
 */
import type { OwnFile } from '../gateway/route-handler.ts';
import { securityHeaders } from '../ui/security-headers.ts';
import { webFiles } from '../ui/web-files.ts';

/** The names of the pages' files that every data listener serves below `/flm/`. */
const names: readonly string[] = [];

/** Each file has the headers that the dashboard's own server sends. */
export function ownFiles(): ReadonlyMap<string, OwnFile> {
  const fields = [...Object.entries(securityHeaders).flat(), 'cache-control', 'no-cache'];
  const files = new Map<string, OwnFile>();
  for (const [name, { type, body }] of webFiles())
    if (names.includes(name)) files.set(`/flm/${name}`, { contentType: type, bytes: body, fields });
  return files;
}

/**
 * The files of the dashboard's pages. The bundler replaces this module by one that holds them (scripts/bundle.mjs), so
 * that nothing is read from disk; the sources alone have no pages.
 */
import type { StaticFile } from './static-file.ts';

export function webFiles(): ReadonlyMap<string, StaticFile> {
  return new Map();
}

/**
 * Loads the code that issues certificates, once. It is large, and most commands do not need it.
 *
 * A running proxy loads it before it is ready, because an upgrade may replace the files later. Everybody must load it
 * here: another `import()` of a loaded module looks for its file again.
 */
let loaded: Promise<typeof import('./issue.ts')> | undefined;

export function loadIssue(): Promise<typeof import('./issue.ts')> {
  loaded ??= import('./issue.ts');
  return loaded;
}

/**
 * The page at `/` of a proxy, for a browser without a key. The bundler makes the files from it: the page runs no script.
 * It names no version, engine or model, because everybody who reaches the proxy can read it.
 */
import type { Catalogue } from './i18n/catalogue.ts';
import { en } from './i18n/en.ts';
import { ja } from './i18n/ja.ts';

const page = (t: Catalogue): string => `<!doctype html>
<html lang="${t.language}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${t.root.title}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/flm/guest.css">
  </head>
  <body>
    <main>
      <h1>${t.root.title}</h1>
      <p>${t.root.askOwner}</p>
      <p>${t.root.haveKey} <a href="/flm/me">${t.root.openOwnKey}</a></p>
    </main>
  </body>
</html>
`;

/** By language. */
export const rootPages: Readonly<Record<string, string>> = { en: page(en), ja: page(ja) };

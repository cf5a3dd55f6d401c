/**
 * The page at `/` of a proxy, for a browser without a key. The bundler makes the file from it: the page runs no script.
 * It names no version, engine or model, because everybody who reaches the proxy can read it.
 */
import { en } from './i18n/en.ts';

export const rootPage = `<!doctype html>
<html lang="${en.language}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${en.root.title}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/flm/guest.css">
  </head>
  <body>
    <main>
      <h1>${en.root.title}</h1>
      <p>${en.root.askOwner}</p>
      <p>${en.root.haveKey} <a href="/flm/me">${en.root.openOwnKey}</a></p>
    </main>
  </body>
</html>
`;

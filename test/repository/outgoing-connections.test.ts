/**
 * docs/security.md lists every place of src/ that can open a connection or start a program. The search reads the syntax of
 * every file: what it does not know to be harmless counts, so that a new way cannot be missed.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { parseSync, Visitor } from 'rolldown/utils';
import packageJson from '../../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '../..');

/** Modules that can open a connection or start a program, with their exports that can do neither. */
const modules: Readonly<Record<string, readonly string[]>> = {
  net: ['createServer', 'Server', 'Socket', 'isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
  tls: [
    'createServer',
    'Server',
    'TLSSocket',
    'createSecureContext',
    'checkServerIdentity',
    'getCACertificates',
    'rootCertificates',
  ],
  http: ['createServer', 'Server', 'IncomingMessage', 'ServerResponse', 'STATUS_CODES', 'METHODS'],
  https: ['createServer', 'Server'],
  http2: [],
  dgram: [],
  dns: [],
  'dns/promises': [],
  quic: [],
  inspector: [],
  child_process: [],
  cluster: [],
};
/** Packages that connect by themselves. */
const connecting: ReadonlySet<string> = new Set(['pg', 'iovalkey']);
/** The other packages of the bundle and of the pages, which open no connection. */
const harmless: ReadonlySet<string> = new Set([
  ...Object.keys(packageJson.dependencies),
  'age-encryption',
  'preact',
  'preact/hooks',
  'preact/jsx-runtime',
  'uplot',
]);
const globals: ReadonlySet<string> = new Set([
  'fetch',
  'WebSocket',
  'WebSocketStream',
  'EventSource',
  'XMLHttpRequest',
  'WebTransport',
  'RTCPeerConnection',
]);
/** Ways around the imports. */
const members: ReadonlySet<string> = new Set([
  'sendBeacon',
  'getBuiltinModule',
  'binding',
  'dlopen',
  'createRequire',
  ...globals,
]);

/** Returns what in a file can open a connection or start a program, in words. */
function findings(file: string, text: string): readonly string[] {
  const found = new Set<string>();
  const { program, errors } = parseSync(file, text);
  assert.deepEqual(errors, [], file);
  const imported = (specifier: string): void => {
    const name = specifier.replace(/^node:/, '');
    if (name in modules) found.add(`imports ${name}`);
    else if (connecting.has(specifier)) found.add(`uses the package ${specifier}`);
    else if (!/^(?:node:|\.{1,2}\/)/.test(specifier) && !isHarmless(specifier))
      found.add(`uses the unknown package ${specifier}`);
  };
  new Visitor({
    ImportDeclaration(node) {
      if (node.importKind === 'type') return;
      const source = node.source.value;
      const safe = modules[source.replace(/^node:/, '')];
      if (safe === undefined) {
        if (node.specifiers.every((s) => s.type === 'ImportSpecifier' && s.importKind === 'type')) return;
        return imported(source);
      }
      for (const specifier of node.specifiers) {
        if (specifier.type !== 'ImportSpecifier') found.add(`imports ${source}`);
        else if (specifier.importKind !== 'type' && specifier.imported.type === 'Identifier') {
          if (!safe.includes(specifier.imported.name))
            found.add(`imports ${specifier.imported.name} of ${source}`);
        }
      }
    },
    ExportNamedDeclaration(node) {
      if (node.source !== null && node.exportKind !== 'type') imported(node.source.value);
    },
    ExportAllDeclaration(node) {
      if (node.exportKind !== 'type') imported(node.source.value);
    },
    ImportExpression(node) {
      if (node.source.type === 'Literal') imported(String(node.source.value));
      else found.add('imports a module whose name is computed');
    },
    CallExpression(node) {
      const { callee } = node;
      if (
        callee.type === 'Identifier' &&
        (globals.has(callee.name) || ['require', 'eval'].includes(callee.name))
      )
        found.add(`calls ${callee.name}`);
    },
    NewExpression(node) {
      const { callee } = node;
      if (callee.type !== 'Identifier') return;
      if (globals.has(callee.name) || callee.name === 'Function') found.add(`makes a ${callee.name}`);
      // A socket without an argument can connect later; with a handle it is one that was accepted or inherited.
      if (['Socket', 'TLSSocket'].includes(callee.name) && node.arguments.length === 0)
        found.add(`makes a ${callee.name}`);
    },
    MemberExpression(node) {
      if (node.property.type === 'Identifier' && members.has(node.property.name))
        found.add(`uses ${node.property.name}`);
    },
    // Code in a text: a script for another program.
    Literal(node) {
      if (typeof node.value === 'string' && scriptThatConnects.test(node.value))
        found.add('holds a script that connects');
    },
    TemplateElement(node) {
      if (scriptThatConnects.test(node.value.raw)) found.add('holds a script that connects');
    },
  }).visit(program);
  return [...found];
}

const scriptThatConnects = /\bfetch\(|\burlopen\(|XMLHttpRequest|new WebSocket/;

function isHarmless(specifier: string): boolean {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return harmless.has(specifier) || harmless.has(name);
}

function filesOfSource(): readonly string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name) && !/\.test\.tsx?$/.test(name))
    .map((name) => `src/${name.split(sep).join('/')}`)
    .sort();
}

const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
const section = page.slice(page.indexOf('## Connections that flm makes')).split(/\n## /)[0] ?? '';
const rows = section.split('\n').filter((line) => /^\| (?!---)/.test(line));
const listed = rows.flatMap((row) => [...row.matchAll(/`(src\/[^`]+)`/g)].map(([, file = '']) => file));

/** Files whose findings lead to a connection that another row names, or to none; each with the reason. */
const otherwise: Readonly<Record<string, string>> = {
  'src/store/postgres/database.ts': 'asks for connections of owned-client.ts',
  'src/store/postgres/client-session.ts': 'names a class of the package; owned-client.ts connects',
  'src/store/postgres/database-failure.ts': 'names an error class of the package',
};

test('docs/security.md lists every place that can open a connection or start a program, and no other', () => {
  const found = filesOfSource().flatMap((file) => {
    const what = findings(file, readFileSync(join(root, file), 'utf8'));
    return what.length === 0 || file in otherwise ? [] : [`${file}: ${what.join(', ')}`];
  });
  assert.ok(found.length > 15, `${found.length} places`);
  const files = found.map((line) => line.slice(0, line.indexOf(':')));
  assert.deepEqual(
    found.filter((_line, index) => !listed.includes(files[index] ?? '')),
    [],
    'places that docs/security.md does not list',
  );
  assert.deepEqual(
    listed.filter((file) => !files.includes(file)),
    [],
    'rows of docs/security.md without such a place',
  );
});

test('every exception still needs to be one', () => {
  for (const file of Object.keys(otherwise)) {
    assert.ok(existsSync(join(root, file)), file);
    assert.notDeepEqual(findings(file, readFileSync(join(root, file), 'utf8')), [], file);
  }
});

test('every connection to another server but those to engines needs a setting', () => {
  const table = section.slice(section.indexOf('### To other servers')).split('\n### ')[0] ?? '';
  const conditions = table
    .split('\n')
    .filter((line) => /^\| (?!---|to )/.test(line))
    .map((line) => line.split('|')[2]?.trim() ?? '');
  assert.equal(conditions.filter((condition) => condition === 'always').length, 1);
  for (const condition of conditions) assert.match(condition, /^always$|^with `(?:--|FLM_)/);
});

test('the search finds every way to connect that a file could use', () => {
  for (const text of [
    "import net from 'node:net';",
    "import * as tls from 'tls';",
    "import { connect } from 'node:net';",
    "import { request as ask } from 'node:https';",
    "import { Agent } from 'node:http';",
    "import { resolve4 } from 'node:dns/promises';",
    "import { createSocket } from 'node:dgram';",
    "import { spawn } from 'node:child_process';",
    "import undici from 'undici';",
    "import pg from 'pg';",
    "export { connect } from 'node:net';",
    "export * from 'node:http2';",
    "const net = await import('node:net');",
    'const net = await import(name);',
    "const net = require('net');",
    "process.getBuiltinModule('net');",
    'await fetch(url);',
    'await globalThis.fetch(url);',
    'const { fetch: ask } = window; window.fetch(url);',
    'new WebSocket(url);',
    'new EventSource(url);',
    'navigator.sendBeacon(url);',
    "const script = 'fetch(1)';",
    'const script = `fetch(1)`;',
    "import { Socket } from 'node:net'; new Socket().connect(1);",
    'eval(text);',
  ])
    assert.notDeepEqual(findings('probe.ts', text), [], text);
});

test('servers, types and helpers are no findings', () => {
  for (const text of [
    "import { createServer, type Socket } from 'node:net';",
    "import type { Agent } from 'node:https';",
    "import { isIP } from 'node:net';",
    "import { STATUS_CODES, IncomingMessage } from 'node:http';",
    "import { z } from 'zod';",
    "import { readFileSync } from 'node:fs';",
    "import './other.ts';",
  ])
    assert.deepEqual(findings('probe.ts', text), [], text);
});

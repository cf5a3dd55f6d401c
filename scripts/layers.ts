/**
 * Checks which folders of src/ may import which: `node scripts/layers.ts [ROOT]` prints every import that breaks the
 * rules below and exits with 1. The table is the rule; change it together with the reason beside it.
 *
 * The check covers every way to name a module: static and dynamic imports, re-exports, `import type`, `import('x').T`,
 * and `new URL('./x.ts', import.meta.url)`. A folder without a rule, a file that does not parse and an import that does
 * not resolve are violations too, so that the check cannot pass by missing something. (dependency-cruiser read no
 * `import('x').T` here, and nothing at all without a second parser.)
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import process from 'node:process';
import { parseSync, Visitor } from 'rolldown/utils';

interface Rule {
  /** Folders of src/ whose code may be imported, in addition to the folder itself. */
  readonly folders: readonly string[];
  /** Folders from which only types may be imported. */
  readonly types?: readonly string[];
  /** Single modules of other folders that may be imported. */
  readonly modules?: readonly string[];
  /** Node's own modules; absent: any. */
  readonly builtins?: readonly string[];
  /** Packages of npm; absent: any that package.json names. */
  readonly packages?: readonly string[];
  /** No HTTP client: engines are reached only through upstream/, which uses net and tls. */
  readonly noHttpClient?: true;
}

const rules: Readonly<Record<string, Rule>> = {
  // The domain: no I/O, no adapter. Assertions and arithmetic on addresses are not I/O.
  core: { folders: [], builtins: ['assert'], packages: ['zod', 'ipaddr.js'] },
  // The data plane: few packages, because every byte from an unknown client passes through it.
  gateway: { folders: ['core'], packages: ['ipaddr.js'], noHttpClient: true },
  // Our own HTTP/1.1 client, for requests and for probes.
  upstream: { folders: ['core'], packages: [], noHttpClient: true },
  // Finds and probes engines, through upstream.
  engines: { folders: ['core', 'upstream'] },
  // Private folders on disk, shared by the adapters that keep secrets, databases and sockets in them.
  files: { folders: ['core'], packages: [] },
  // Adapters that import only the domain and private folders.
  tls: { folders: ['core', 'files'] },
  store: { folders: ['core', 'files'] },
  process: { folders: ['core', 'files'] },
  // The files of backups. Their encryption is loaded only where it is used.
  archive: { folders: ['core', 'files'], packages: ['age-encryption'] },
  // Limits that a server counts for all nodes. Its package is loaded only where it is used.
  valkey: { folders: ['core'], builtins: ['crypto', 'assert'], packages: ['iovalkey'] },
  // Telemetry. Its code is loaded only where a profile names a server for it.
  telemetry: { folders: ['core'], builtins: ['http', 'https', 'crypto'], packages: [] },
  service: { folders: ['core', 'files'], packages: ['ipaddr.js'] },
  observe: { folders: ['core'] },
  // The admin API: operations over the services of the domain, without a transport.
  admin: { folders: ['core', 'clients'], builtins: ['assert', 'crypto'], packages: ['zod'] },
  // The server of the dashboard: static files, sign-in, and the admin API over HTTP.
  ui: { folders: ['core', 'admin'], packages: [] },
  // Settings of clients. Commands and pages show them, so this code must also run in a browser.
  clients: { folders: ['core'], builtins: [], packages: [] },
  // The pages, which run in a browser. From the domain they import only types, and what is small and needs no package.
  web: {
    folders: ['clients'],
    types: ['core'],
    modules: [
      'core/audit/field-changes.ts',
      'core/csv.ts',
      'core/engine/chat-models.ts',
      'core/shell-word.ts',
      // What the terminal has for its two languages and the pages need too. These files import nothing else.
      'cli/i18n/live-catalogue.ts',
      'cli/i18n/phrase-translator.ts',
      'cli/i18n/ja/phrases/engines.ts',
      'cli/i18n/ja/phrases/values.ts',
      'cli/i18n/ja/phrases/warnings.ts',
    ],
    builtins: [],
    packages: ['preact', 'qrcode-generator', 'uplot'],
  },
  // The composition root. Only the command line may import it.
  app: {
    folders: [
      'core',
      'clients',
      'gateway',
      'upstream',
      'engines',
      'files',
      'tls',
      'store',
      'valkey',
      'process',
      'service',
      'archive',
      'observe',
      'telemetry',
      'admin',
      'ui',
    ],
  },
  cli: { folders: ['core', 'app', 'clients'] },
};

/** Modules that tests may import in addition to all folders of src/. */
const isTest = (file: string): boolean => file.endsWith('.test.ts');

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

interface Module {
  readonly imports: readonly Import[];
  readonly faults: readonly string[];
}

export interface LayerReport {
  readonly modules: number;
  readonly violations: readonly string[];
}

export function checkLayers(root: string): LayerReport {
  const src = join(root, 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => join(src, name))
    .sort();
  const violations: string[] = [];
  const graph = new Map<string, string[]>();

  for (const file of files) {
    const name = relative(root, file).split(sep).join('/');
    const folder = relative(src, file).split(sep)[0] ?? '';
    const rule = rules[folder];
    if (!rule) {
      violations.push(`${name}: no rule for src/${folder} (scripts/layers.ts)`);
      continue;
    }
    const module = readModule(file);
    violations.push(...module.faults.map((fault) => `${name}: ${fault}`));
    if (rule.noHttpClient && !isTest(file))
      violations.push(...httpClients(file).map((what) => `${name}: ${what}`));
    const targets: string[] = [];
    graph.set(file, targets);
    for (const found of module.imports) {
      const { specifier } = found;
      if (specifier.startsWith('.')) {
        const target = resolve(dirname(file), specifier);
        if (existsSync(target)) targets.push(target);
        else violations.push(`${name}: ${specifier} leads nowhere`);
      }
      const fault = isTest(file) ? undefined : breach({ rule, folder, src, file, found });
      if (fault) violations.push(`${name}: ${fault}`);
    }
  }
  violations.push(
    ...cycles(graph).map((cycle) => `cycle: ${cycle.map((f) => relative(root, f)).join(' -> ')}`),
  );
  return { modules: files.length, violations };
}

interface Question {
  readonly rule: Rule;
  readonly folder: string;
  readonly src: string;
  readonly file: string;
  readonly found: Import;
}

function breach({ rule, folder, src, file, found }: Question): string | undefined {
  const { specifier, typeOnly } = found;
  if (specifier.startsWith('.')) {
    const inside = relative(src, resolve(dirname(file), specifier)).split(sep);
    const to = inside[0] ?? '';
    if (inside.at(-1)?.endsWith('.test.ts')) return `imports a test, ${specifier}`;
    // package.json and other files of the package's root are data.
    if (to === '..') return specifier.endsWith('.json') ? undefined : `reaches out of src: ${specifier}`;
    if (to === folder || rule.folders.includes(to)) return undefined;
    if (rule.modules?.includes(inside.join('/'))) return undefined;
    if (!rule.types?.includes(to)) return `${folder} may not know ${to}: ${specifier}`;
    return typeOnly ? undefined : `${folder} may know only types of ${to}: ${specifier}`;
  }
  const builtin = specifier.replace(/^node:/, '').split('/')[0] ?? '';
  if (specifier.startsWith('node:') || builtinModules.includes(specifier)) {
    if (rule.builtins && !rule.builtins.includes(builtin)) return `${folder} may not use ${specifier}`;
    return undefined;
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return rule.packages && !rule.packages.includes(name)
    ? `${folder} may not use the package ${name}`
    : undefined;
}

function readModule(file: string): Module {
  const { program, errors } = parseSync(file, readFileSync(file, 'utf8'));
  const imports: Import[] = [];
  const add = (specifier: unknown, typeOnly: boolean): void => {
    if (typeof specifier === 'string') imports.push({ specifier, typeOnly });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.importKind === 'type'),
    ExportNamedDeclaration: (node) => add(node.source?.value, node.exportKind === 'type'),
    ExportAllDeclaration: (node) => add(node.source.value, node.exportKind === 'type'),
    TSImportType: (node) => add(node.source.value, true),
    ImportExpression: (node) => add(node.source.type === 'Literal' ? node.source.value : undefined, false),
    NewExpression: (node) => {
      const [first] = node.arguments;
      const isUrl = node.callee.type === 'Identifier' && node.callee.name === 'URL';
      if (isUrl && first?.type === 'Literal' && /^\..*\.ts$/.test(String(first.value)))
        add(first.value, false);
    },
  }).visit(program);
  return { imports, faults: errors.map((error) => `does not parse: ${error.message}`) };
}

/** Ways to be an HTTP client without importing one: the global fetch, and the client half of node:http. */
function httpClients(file: string): string[] {
  const { program } = parseSync(file, readFileSync(file, 'utf8'));
  const faults: string[] = [];
  const serverModules = new Set<string>();
  new Visitor({
    ImportDeclaration: (node) => {
      if (/^(node:)?http2$/.test(node.source.value)) faults.push('may not use http2');
      if (!/^(node:)?https?$/.test(node.source.value)) return;
      for (const specifier of node.specifiers) {
        if (specifier.type !== 'ImportSpecifier') serverModules.add(specifier.local.name);
        else if (specifier.imported.type === 'Identifier' && isClientHalf(specifier.imported.name)) {
          faults.push(`may not be an HTTP client: ${specifier.imported.name}`);
        }
      }
    },
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'fetch') {
        faults.push('may not be an HTTP client: fetch');
      }
    },
    MemberExpression: (node) => {
      if (node.object.type !== 'Identifier' || node.property.type !== 'Identifier') return;
      const { name } = node.property;
      const isGlobalFetch = node.object.name === 'globalThis' && name === 'fetch';
      const isHalf = serverModules.has(node.object.name) && isClientHalf(name);
      if (isGlobalFetch || isHalf) faults.push(`may not be an HTTP client: ${node.object.name}.${name}`);
    },
  }).visit(program);
  return faults;
}

const isClientHalf = (name: string): boolean =>
  ['request', 'get', 'Agent', 'globalAgent', 'ClientRequest'].includes(name);

/**
 * Returns every import cycle once, including type imports: two files that need each other's types should be one file or
 * share a third.
 */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) walk(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) walk(file);
  return found;
}

if (import.meta.main) {
  const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
  const { modules, violations } = checkLayers(root);
  for (const violation of violations) console.error(violation);
  console.log(`layers: ${modules} modules, ${violations.length} violations`);
  if (violations.length > 0 || modules === 0) process.exitCode = 1;
}

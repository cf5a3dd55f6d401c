/**
 * Reads files that users write: YAML, or JSON, which is part of YAML. A file is read completely before any action.
 * Errors have line and column.
 */
import type { Document, LineCounter } from 'yaml';
import { type Fault, FlmError, ProxyError } from '../core/errors.ts';
import type { BareSession } from './command.ts';
import { openNamed } from './named-file.ts';
import { allOf } from './terminal/terminal.ts';

interface YamlFile {
  readonly value: unknown;
  /** The faults with the positions of their fields in this file, in the order of the file. */
  placed(faults: readonly Fault[]): readonly Fault[];
}

/** How much of a file is read. A larger one is refused. */
export interface FileLimits {
  readonly bytes: number;
  /** Values, names and marks of YAML. */
  readonly tokens: number;
}

/** Profiles and policies are much smaller. */
const smallFile: FileLimits = { bytes: 1024 ** 2, tokens: 100_000 };

/** `-` is standard input. Throws FILE_UNUSABLE; on abort an AbortError. */
export async function readText(
  path: string,
  { terminal, signal }: Pick<BareSession, 'terminal' | 'signal'>,
  { bytes: maxBytes }: FileLimits = smallFile,
): Promise<string> {
  if (path === '-') return terminal.readAll(maxBytes, signal);
  try {
    const bytes = await allOf(openNamed(path, signal), path, maxBytes);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof ProxyError || signal.aborted) throw cause;
    throw unreadable(path, cause);
  }
}

/** Returns the error for a file that the system does not let flm read. */
export function unreadable(file: string, cause: unknown): ProxyError {
  const params = { file, done: 'read', reason: reasonOf(cause) };
  return new ProxyError('FILE_UNUSABLE', { params, cause });
}

/** Returns the document, or all its faults. */
export function parseYaml(
  yaml: typeof import('yaml'),
  text: string,
  { tokens: maxTokens }: FileLimits = smallFile,
): YamlFile | readonly Fault[] {
  let tokens = 0;
  for (const _ of new yaml.Lexer().lex(text))
    if (++tokens > maxTokens) return [faultOf('it holds too many values')];
  const lines = new yaml.LineCounter();
  try {
    // The parser's own check for repeated names is quadratic.
    const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
    const wrong = [...document.errors, ...document.warnings];
    if (wrong.length > 0) return wrong.map((e) => ({ ...faultOf(e.message), ...placeAt(lines, e.pos[0]) }));
    const repeated = repeatedNames(document, lines);
    if (repeated.length > 0) return repeated;
    return {
      value: document.toJS(),
      placed: (faults) =>
        faults
          .map((fault): Fault => ({ ...fault, ...placeOf(document, lines, fault.field) }))
          .sort((x, y) => (x.line ?? 0) - (y.line ?? 0) || (x.column ?? 0) - (y.column ?? 0)),
    };
  } catch (error) {
    // Too many aliases, or too deeply nested values.
    return [faultOf(error instanceof Error ? error.message : String(error))];
  }

  function repeatedNames(doc: Document, counter: LineCounter): readonly Fault[] {
    const repeated: Fault[] = [];
    yaml.visit(doc, {
      Map(_, map) {
        const names = new Set<string>();
        for (const { key } of map.items) {
          if (!yaml.isScalar(key)) continue;
          const name = String(key.value);
          if (names.has(name))
            repeated.push({
              ...faultOf('Map keys must be unique'),
              ...placeAt(counter, key.range?.[0] ?? 0),
            });
          names.add(name);
        }
      },
    });
    return repeated;
  }

  /** The value of the field, or its nearest existing parent. */
  function placeOf(doc: Document, counter: LineCounter, field: string) {
    let node: unknown = doc.contents;
    let offset = yaml.isNode(node) ? node.range?.[0] : undefined;
    for (const step of field.split('.')) {
      if (yaml.isAlias(node)) node = node.resolve(doc);
      if (yaml.isMap(node)) {
        const pair = node.items.find((item) => yaml.isScalar(item.key) && String(item.key.value) === step);
        if (pair === undefined || !yaml.isScalar(pair.key)) break;
        offset = pair.key.range?.[0] ?? offset;
        node = pair.value;
      } else if (yaml.isSeq(node)) {
        node = node.items[Number(step)];
        if (yaml.isNode(node)) offset = node.range?.[0] ?? offset;
      } else break;
    }
    return offset === undefined ? {} : placeAt(counter, offset);
  }
}

/** Returns the result of `judge` for the file. Throws `invalid` with every fault and its position if there are any. */
export async function judged<T>(
  text: string,
  invalid: (faults: readonly Fault[], moreFaults?: number) => FlmError,
  judge: (value: unknown) => T | Promise<T>,
  limits: FileLimits = smallFile,
): Promise<T> {
  const file = parseYaml(await import('yaml'), text, limits);
  if ('length' in file) throw invalid(file);
  try {
    return await judge(file.value);
  } catch (error) {
    if (error instanceof FlmError && error.faults.length > 0)
      throw invalid(file.placed(error.faults), error.moreFaults);
    throw error;
  }
}

/**
 * The path of the JSON Schema in an exported file: a file beside it, which `schemaCommands` print.
 */
export function schemaFile(of: keyof typeof schemaCommands): string {
  return `./flm-${of}.schema.json`;
}

const schemaCommands = {
  profile: 'flm profile schema',
  policy: 'flm policy schema',
  apply: 'flm apply --schema',
} as const;

/** The first lines of an exported file, for editors and users. */
export function schemaComment(of: keyof typeof schemaCommands): string {
  const file = schemaFile(of);
  return `# yaml-language-server: $schema=${file}\n# Editors check this file after: ${schemaCommands[of]} > ${file}\n`;
}

function placeAt(lines: LineCounter, offset: number): { readonly line: number; readonly column: number } {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** The parser is recursive, and reports a stack overflow for deeply nested values. */
function faultOf(message: string): Fault {
  const said = message.includes('call stack') ? 'it is nested too deeply' : message;
  return { field: 'the file', value: `no YAML (${said})`, allowed: 'YAML 1.2, or JSON' };
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  switch (code) {
    case 'ENOENT':
      return 'there is none';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not';
    case 'EISDIR':
      return 'it is a folder';
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'it is not UTF-8 text';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

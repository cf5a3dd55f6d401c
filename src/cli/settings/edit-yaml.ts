/**
 * Edits YAML in the text itself: replaces a value at its position, and appends a new entry after the last one of its
 * block. Printing the parsed document would change the layout of the whole file.
 */
import type { Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { isMap, type Setting, yamlLines } from '../../clients/settings-text.ts';
import { t } from '../i18n/texts.ts';
import { type Change, EditFault, type Editor } from './merge.ts';

const texts = t.connect.faults;

type Yaml = typeof import('yaml');

export async function editYaml(): Promise<Editor> {
  const yaml = await import('yaml');
  return {
    parse: (text) => documentOf(yaml, text).toJS({ maxAliasCount: 100 }),
    edit: (text, changes, lineEnd) =>
      changes.reduce((before, change) => edit(yaml, before, change, lineEnd), text),
  };
}

function documentOf(yaml: Yaml, text: string): Document.Parsed {
  const lines = new yaml.LineCounter();
  const [document, ...more] = yaml.parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if (document === undefined || more.length > 0)
    return more.length === 0 ? yaml.parseDocument('') : fault(texts.severalDocuments);
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new EditFault(texts.notYaml(line, col, error.message));
  }
  return document;
}

function fault(reason: string): never {
  throw new EditFault(reason);
}

function edit(yaml: Yaml, text: string, { path, value }: Change, lineEnd: string): string {
  const document = documentOf(yaml, text);
  const last = path.at(-1) as string | number;
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!yaml.isMap(parent) && !yaml.isSeq(parent))
    return fault(texts.notEditable(path.slice(0, -1).join('.')));
  const entry = yaml.isMap(parent)
    ? parent.items.find((pair) => yaml.isScalar(pair.key) && String(pair.key.value) === String(last))
    : undefined;
  if (entry !== undefined) return replaced(yaml, text, parent as YAMLMap, entry, value, lineEnd);
  if (yaml.isSeq(parent) && typeof last === 'number' && last < parent.items.length) {
    const node = parent.items[last];
    if (!yaml.isScalar(node) || isMap(value)) return fault(texts.listEntry);
    return spliced(text, node, JSON.stringify(value));
  }
  const name = yaml.isMap(parent) ? String(last) : undefined;
  return parent.flow === true || parent.items.length === 0
    ? addedInFlow(text, parent, name, value)
    : addedInBlock(text, parent, name, value, lineEnd);
}

/** Replaces the value of an existing name, which may be empty. */
function replaced(
  yaml: Yaml,
  text: string,
  map: YAMLMap,
  { key, value: node }: Pair,
  value: Setting,
  lineEnd: string,
): string {
  const empty = node === null || (yaml.isScalar(node) && node.value === null);
  if (!empty && !yaml.isScalar(node)) return fault(texts.wantsValue);
  if (!empty && !isBlock(value)) return spliced(text, node, JSON.stringify(value));
  const keyEnd = (key as Scalar).range?.[1] ?? fault(texts.nameWithoutPlace);
  const colon = text.indexOf(':', keyEnd) + 1;
  const written = node !== null && yaml.isScalar(node) && (node.source ?? '') !== '';
  const valueEnd = written ? (node.range?.[1] ?? colon) : colon;
  if (!isBlock(value)) return `${text.slice(0, colon)} ${JSON.stringify(value)}${text.slice(valueEnd)}`;
  const lines = yamlLines(value).map((line) => `${' '.repeat(columnOf(text, map) + 2)}${line}`);
  const start = lineOver(text, valueEnd);
  return withLines(text.slice(0, colon) + text.slice(valueEnd, start), lines, text.slice(start), lineEnd);
}

/** Adds to `{ a: 1 }` and `[a]`, and to collections without entries. JSON counts as YAML here. */
function addedInFlow(
  text: string,
  parent: YAMLMap | YAMLSeq,
  name: string | undefined,
  value: Setting,
): string {
  const [, end] = parent.range ?? fault(texts.valueWithoutPlace);
  const close = end - 1;
  const before = text.slice(0, close).trimEnd();
  const comma = parent.items.length === 0 || before.endsWith(',') ? '' : ',';
  const entry = `${name === undefined ? '' : `${JSON.stringify(name)}: `}${JSON.stringify(value)}`;
  return `${before}${comma} ${entry} ${text.slice(close)}`;
}

function addedInBlock(
  text: string,
  parent: YAMLMap | YAMLSeq,
  name: string | undefined,
  value: Setting,
  lineEnd: string,
): string {
  const column = columnOf(text, parent);
  const lines = yamlLines(name === undefined ? [value] : { [name]: value });
  const at = lineOver(text, lastPlace(parent));
  const indented = lines.map((line) => `${' '.repeat(column)}${line}`);
  return withLines(text.slice(0, at), indented, text.slice(at), lineEnd);
}

const isBlock = (value: Setting): value is Exclude<Setting, string | number | boolean> =>
  typeof value === 'object';

function spliced(text: string, node: Scalar, value: string): string {
  const [start, end] = node.range ?? fault(texts.valueWithoutPlace);
  // A block scalar ends with its line.
  const over = text[end - 1] === '\n' ? '\n' : '';
  return `${text.slice(0, start)}${value}${over}${text.slice(end)}`;
}

function withLines(before: string, lines: readonly string[], after: string, lineEnd: string): string {
  const start = before === '' || before.endsWith('\n') ? before : `${before}${lineEnd}`;
  return `${start}${lines.join(lineEnd)}${lineEnd}${after}`;
}

/** The position where the last value below the node ends. */
function lastPlace(node: Node | Pair | null): number {
  if (node === null) return 0;
  if ('items' in node && node.flow !== true) return lastPlace((node.items as Node[]).at(-1) ?? null);
  if ('key' in node)
    return Math.max(lastPlace(node.key as Node | null), lastPlace(node.value as Node | null));
  return node.range?.[1] ?? 0;
}

/** The beginning of the line after the given position. */
function lineOver(text: string, place: number): number {
  if (text[place - 1] === '\n') return place;
  const end = text.indexOf('\n', place);
  return end === -1 ? text.length : end + 1;
}

/** The column of the first entry of a block. */
function columnOf(text: string, node: YAMLMap | YAMLSeq): number {
  const [start] = node.range ?? fault(texts.valueWithoutPlace);
  return start - (text.lastIndexOf('\n', start - 1) + 1);
}

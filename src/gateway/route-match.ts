/**
 * Finds the rows of the route table that match a path, for any method. Compares the raw path: an escape is legal only
 * inside `{id}` and `{rest}`, and nothing is normalised.
 */
import { type Route, routes } from './routes.ts';

interface Pattern {
  /** Literal segments; undefined where a segment is `{id}`. */
  readonly segments: readonly (string | undefined)[];
  readonly rest: boolean;
  readonly route: Route;
}

const literal = new Map<string, Route[]>();
const patterns: Pattern[] = [];
for (const route of routes) {
  if (!route.pattern.includes('{')) {
    literal.set(route.pattern, [...(literal.get(route.pattern) ?? []), route]);
    continue;
  }
  const segments = route.pattern.slice(1).split('/');
  const rest = segments.at(-1) === '{rest}';
  if (rest) segments.pop();
  patterns.push({ segments: segments.map((s) => (s === '{id}' ? undefined : s)), rest, route });
}

/** Returns the rows without a placeholder whose pattern is this path. */
export function literalRows(path: string): readonly Route[] | undefined {
  return literal.get(path);
}

/** A row with placeholders that matches the path, and the unescaped values of the placeholders. */
export interface PatternMatch {
  readonly route: Route;
  readonly params: readonly string[];
}

/** Returns the first match in the order of the table; undefined if there is none. */
export function patternMatch(path: string, accepts: (route: Route) => boolean): PatternMatch | undefined {
  for (const pattern of patterns) {
    const params = match(pattern, path);
    if (params !== undefined && accepts(pattern.route)) return { route: pattern.route, params };
  }
  return undefined;
}

function match(pattern: Pattern, path: string): readonly string[] | undefined {
  const segments = path.slice(1).split('/');
  const fixed = pattern.segments.length;
  if (pattern.rest ? segments.length <= fixed : segments.length !== fixed) return undefined;
  const params: string[] = [];
  for (let i = 0; i < fixed; i++) {
    const wanted = pattern.segments[i];
    const got = segments[i] as string;
    if (wanted === undefined) {
      const value = unescapeSegment(got);
      if (value === undefined) return undefined;
      params.push(value);
    } else if (wanted !== got) return undefined;
  }
  if (!pattern.rest) return params;
  const rest = unescapeSegment(segments.slice(fixed).join('/'));
  if (rest === undefined) return undefined;
  params.push(rest);
  return params;
}

/** Undefined for an empty value or one that does not unescape to UTF-8. */
function unescapeSegment(raw: string): string | undefined {
  if (raw === '') return undefined;
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}

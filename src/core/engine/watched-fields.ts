/**
 * Reads the fields of a request body that the hazards of engine kinds watch, by dotted path.
 *
 * The type of the facts names the fields that a kind declares. Reading another field does not compile, and the route
 * table collects every declared field, so a hazard cannot read what the scanner did not collect.
 */
import type { BodyFacts } from './routes.ts';

/** Body facts of which only the named fields may be read. Facts with more fields can be passed as well. */
export interface WatchedFacts<Field extends string> extends Omit<BodyFacts, 'values'> {
  // A property, not a method: method parameters are checked bivariantly, so any field would be accepted.
  readonly values: { readonly get: (field: Field) => readonly string[] | undefined };
}

/** Every value of a field, as JSON text; below an array there may be several. */
export function valuesOf<Field extends string>(facts: WatchedFacts<Field>, field: Field): readonly string[] {
  return facts.values.get(field) ?? [];
}

/** The value of a field as JSON text; undefined where the body has none, or null. */
export function firstValueOf<Field extends string>(
  facts: WatchedFacts<Field>,
  field: Field,
): string | undefined {
  const value = facts.values.get(field)?.[0];
  return value === 'null' ? undefined : value;
}

/** Whether a field has a value: not null, and no empty text, list or object. */
export function isGiven<Field extends string>(facts: WatchedFacts<Field>, field: Field): boolean {
  const value = firstValueOf(facts, field);
  return value !== undefined && value !== '""' && value !== '[]' && value !== '{}';
}

/**
 * Texts that are passed on as the name of an entry in a table, with the values in it. JSON output has the English text;
 * the command line finds the same entry in the table of the user's language.
 */

type Table = Readonly<Record<string, (...values: string[]) => string>>;

export interface NamedText<Id extends string = string> {
  readonly id: Id;
  readonly values: readonly string[];
  /** In English. */
  readonly text: string;
}

/** Returns a function that makes a text from an entry of the English table. */
export function namedTextsOf<T extends Table>(table: T) {
  return <Id extends keyof T & string>(id: Id, ...values: Parameters<T[Id]>): NamedText<Id> => ({
    id,
    values,
    text: textIn(table, { id, values }),
  });
}

/** Returns the text in the language of the table. */
export function textIn(table: Table, { id, values }: Pick<NamedText, 'id' | 'values'>): string {
  return table[id]?.(...values) ?? id;
}

/**
 * What has to be undone, in reverse order, whatever happens in between. Runs once.
 */
export class UndoList {
  readonly #steps: (() => void | Promise<void>)[] = [];
  #run: Promise<void> | undefined;

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /** Never rejects: a step that fails keeps no other from being done. */
  run(): Promise<void> {
    this.#run ??= this.#runAll();
    return this.#run;
  }

  async #runAll(): Promise<void> {
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch {
        // It is over either way; what matters was logged where it happened.
      }
    }
  }
}

/**
 * Where the code of the admin thread is. The bundler replaces this module by one that holds the code, compressed
 * (scripts/bundle.mjs): a running proxy reads no file that an upgrade may have replaced, and the thread inflates the code.
 */
export interface WorkerCode {
  readonly url: URL;
  /** For the program at `url`. */
  readonly compressed?: Buffer;
}

export function adminWorkerCode(): WorkerCode {
  return { url: new URL('./worker.ts', import.meta.url) };
}

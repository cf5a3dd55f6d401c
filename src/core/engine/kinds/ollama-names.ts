/**
 * Reads names of models as Ollama does (ollama types/model/name.go, ParseName): `[host/][namespace/]model[:tag]`, where
 * the host is `registry.ollama.ai`, the namespace `library` and the tag `latest` unless the name says otherwise, and
 * case does not matter. `MyBig`, `library/mybig` and `https://registry.ollama.ai/library/mybig:latest` are one model.
 */

const defaultHost = 'registry.ollama.ai';
const defaultNamespace = 'library';
const defaultTag = 'latest';

// Without the flag `i`: it would let in letters that fold to ASCII, which Ollama refuses.
const hostPart = /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/;
const namespacePart = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;
const modelPart = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/**
 * Returns the whole name in lower case, the same for all spellings of one model; undefined if Ollama would refuse the
 * name. A digest (`@sha256:...`), which some old versions accepted, is refused as in new versions.
 */
export function ollamaNameKey(name: string): string | undefined {
  let tag = defaultTag;
  let path = name;
  // A colon before the last slash belongs to a scheme or a port.
  const colon = name.lastIndexOf(':');
  if (colon > name.lastIndexOf('/')) {
    tag = name.slice(colon + 1);
    path = name.slice(0, colon);
  }
  const modelAt = path.lastIndexOf('/') + 1;
  const model = path.slice(modelAt);
  let host = defaultHost;
  let namespace = defaultNamespace;
  if (modelAt > 0) {
    const front = path.slice(0, modelAt - 1);
    const namespaceAt = front.lastIndexOf('/') + 1;
    namespace = front.slice(namespaceAt);
    if (namespaceAt > 0) {
      host = hostOf(front.slice(0, namespaceAt - 1));
    }
  }
  if (!modelPart.test(tag) || !modelPart.test(model) || !namespacePart.test(namespace)) return undefined;
  return hostPart.test(host) ? `${host}/${namespace}/${model}:${tag}`.toLowerCase() : undefined;
}

/** Ollama reads everything before `://` as a scheme. An empty host after it means the default host. */
function hostOf(text: string): string {
  const at = text.indexOf('://');
  if (at < 0) return text;
  const host = text.slice(at + 3);
  return host === '' ? defaultHost : host;
}

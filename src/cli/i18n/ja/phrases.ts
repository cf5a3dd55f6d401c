/** Japanese forms of English sentences from other layers; see `src/cli/i18n/translated.ts`. One file for each subject. */
import type { CliCatalogue } from '../catalogue.ts';
import { backupPhrases } from './phrases/backups.ts';
import { certificatePhrases } from './phrases/certificates.ts';
import { doctorPhrases } from './phrases/doctor.ts';
import { enginePhrases } from './phrases/engines.ts';
import { filePhrases } from './phrases/files.ts';
import { programPhrases } from './phrases/programs.ts';
import { requestPhrases } from './phrases/requests.ts';
import { sharedStorePhrases } from './phrases/shared-stores.ts';
import { systemPhrases } from './phrases/system.ts';
import { usagePhrases } from './phrases/usage.ts';
import { valuePhrases } from './phrases/values.ts';
import { warningPhrases } from './phrases/warnings.ts';

export const phrases: CliCatalogue['phrases'] = [
  ...usagePhrases,
  ...backupPhrases,
  ...warningPhrases,
  ...doctorPhrases,
  ...valuePhrases,
  ...sharedStorePhrases,
  ...systemPhrases,
  ...filePhrases,
  ...enginePhrases,
  ...certificatePhrases,
  ...programPhrases,
  ...requestPhrases,
];

/** What a command waits for, and how long. */
import type { CliCatalogue } from '../catalogue.ts';

export const progress: CliCatalogue['progress'] = {
  acme: (domains) => `CAによる${domains}の検証を待っています`,
  stop: '実行中の応答の完了を待っています',
  successor: '新しいプロセスの準備を待っています',
  firstToken: '最初のトークンを待っています',
  firstTokenWhile: (why) => `最初のトークンを待っています。${why}`,
  loading: 'モデルを読み込んでいます',
  mayLoad: 'モデルを読み込んでいる可能性があります',
  elapsed: (text, time) => `${text}（${time}）`,
  elapsedOf: (time, most) => `${time}経過（最長${most}）`,
  plain: (text, most) => (most === undefined ? `${text}…` : `${text}（最長${most}）…`),
  systemService: (home) => `システムサービスのデータ: ${home}`,
  migrating: (file, size) => `${file}（${size}）をバックアップしてから、このバージョンに更新しています…`,
  migrated: (time) => `${time}で更新しました。`,
};

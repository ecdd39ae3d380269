// The last step of the packages' declarations: `node portable-types.ts dist`. protoc-gen-es writes enums with a type that
// @bufbuild/protobuf has only since 2.13. Declared where it is used, it fits every version that the packages accept as a peer.

import { globSync, readFileSync, writeFileSync } from 'node:fs';

// Other names may stand before it in the same import.
const IMPORT = /^import type \{ (.*), UnknownEnum \} from "@bufbuild\/protobuf";$/m;
const DECLARATION =
  'import type { $1 } from "@bufbuild/protobuf";\ntype UnknownEnum = number & { __unknown_enum: true };';

const [directory = 'dist'] = process.argv.slice(2);
for (const file of globSync(`${directory}/**/*_pb.d.ts`)) {
  const text = readFileSync(file, 'utf8');
  const portable = text.replace(IMPORT, DECLARATION);
  if (/import .*UnknownEnum/.test(portable)) throw new Error(`${file}: UnknownEnum is imported in another way`);
  writeFileSync(file, portable);
}

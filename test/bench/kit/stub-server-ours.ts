// The kit's stub server for the contract file in the first argument.
import { startStubServer } from '@touchstone/kit';
import { LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

const [file = ''] = process.argv.slice(2);
const server = await startStubServer(file, { services: [LibraryService] });
process.stdout.write(`ready ${server.port}\n`);

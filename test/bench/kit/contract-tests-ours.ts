// The contract tests with the kit.
import { askForBook, CONSUMER, exampleOf, PROVIDER } from './interaction.ts';
import { timeContractTests } from './time-contract-tests.ts';

await timeContractTests(async (directory) => {
  const { contract } = await import('@touchstone/kit');
  const { LibraryService } = await import('../../../packages/kit/examples/library/gen/library/v1/library_pb.ts');
  const library = contract(CONSUMER, PROVIDER, { directory });
  return (number) => {
    const { request, response } = exampleOf(number);
    return library
      .given('the book exists')
      .uponReceiving(`a request for book ${number}`)
      .calls(LibraryService.method.getBook, request)
      .repliesWith(response)
      .run(({ url }) => askForBook(url, number));
  };
});

// The contract tests with pact-js.
import { askForBook, CONSUMER, exampleOf, HEADERS, PATH, PROVIDER } from './interaction.ts';
import { timeContractTests } from './time-contract-tests.ts';

await timeContractTests(async (directory) => {
  const { Pact } = await import('@pact-foundation/pact');
  const library = new Pact({ consumer: CONSUMER, provider: PROVIDER, dir: directory, logLevel: 'error' });
  return (number) => {
    const { request, response } = exampleOf(number);
    return library
      .addInteraction()
      .given('the book exists')
      .uponReceiving(`a request for book ${number}`)
      .withRequest('POST', PATH, (builder) => builder.headers(HEADERS).jsonBody(request))
      .willRespondWith(200, (builder) => builder.headers(HEADERS).jsonBody(response))
      .executeTest(({ url }) => askForBook(url, number));
  };
});

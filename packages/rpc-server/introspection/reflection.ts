// grpc.reflection.v1 and v1alpha, by which grpcurl, `buf curl` and others read the schema from the running server.

import type { DescFile, DescService } from '@bufbuild/protobuf';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import { ServerReflection, type ServerReflectionRequest } from '../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionV1Alpha } from '../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { DescriptorIndex, serializeWithImports } from './descriptor-index.ts';

type Question = ServerReflectionRequest['messageRequest'];

// The answers of both versions have the same shape; only the names of their messages differ.
type Answer =
  | { case: 'fileDescriptorResponse'; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: 'allExtensionNumbersResponse'; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: 'listServicesResponse'; value: { service: { name: string }[] } }
  | { case: 'errorResponse'; value: { errorCode: number; errorMessage: string } };

/**
 * Registers both reflection services.
 *
 * @param listServices returns the services to show; called for the first request.
 */
export function addReflection(router: ConnectRouter, listServices: () => readonly DescService[]): void {
  let index: DescriptorIndex | undefined;
  const answer = (question: Question, sent: Set<string>) => {
    index ??= new DescriptorIndex(listServices());
    return answerQuestion(question, index, listServices(), sent);
  };
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      const sent = new Set<string>();
      for await (const request of requests) {
        const messageResponse = answer(request.messageRequest, sent);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  });
  router.service(ServerReflectionV1Alpha, {
    async *serverReflectionInfo(requests) {
      const sent = new Set<string>();
      for await (const request of requests) {
        const messageResponse = answer(request.messageRequest as Question, sent);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  });
}

function answerQuestion(
  question: Question,
  index: DescriptorIndex,
  services: readonly DescService[],
  sent: Set<string>,
): Answer {
  switch (question.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: services.map(({ typeName }) => ({ name: typeName })) } };
    case 'fileByFilename':
      return answerFile(index.findFile(question.value), `file "${question.value}"`, sent);
    case 'fileContainingSymbol':
      return answerFile(index.findFileOfSymbol(question.value), `symbol "${question.value}"`, sent);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value;
      const file = index.findFileOfExtension(containingType, extensionNumber);
      return answerFile(file, `extension ${extensionNumber} of "${containingType}"`, sent);
    }
    case 'allExtensionNumbersOfType': {
      const extensionNumber = index.listExtensionNumbers(question.value);
      if (!extensionNumber) return answerError(Code.NotFound, `message "${question.value}" is not known here`);
      return { case: 'allExtensionNumbersResponse', value: { baseTypeName: question.value, extensionNumber } };
    }
    default:
      return answerError(Code.InvalidArgument, 'message_request: nothing this server knows was asked');
  }
}

function answerFile(file: DescFile | undefined, asked: string, sent: Set<string>): Answer {
  if (!file) return answerError(Code.NotFound, `${asked} is not known here`);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: serializeWithImports(file, sent) } };
}

function answerError(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}

// A service with what the library lacks, built at run time: requests with numbers of 64 bits and with a google.protobuf.Any.
import { create, createFileRegistry, type DescMethodUnary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  file_google_protobuf_any,
} from '@bufbuild/protobuf/wkt';

const ticket = {
  name: 'ticket',
  jsonName: 'ticket',
  number: 1,
  label: FieldDescriptorProto_Label.OPTIONAL,
  type: FieldDescriptorProto_Type.INT64,
};
const extra = {
  name: 'extra',
  jsonName: 'extra',
  number: 2,
  label: FieldDescriptorProto_Label.OPTIONAL,
  type: FieldDescriptorProto_Type.MESSAGE,
  typeName: '.google.protobuf.Any',
};

const file = create(FileDescriptorProtoSchema, {
  name: 'garage/v1/garage.proto',
  package: 'garage.v1',
  syntax: 'proto3',
  dependency: ['google/protobuf/any.proto'],
  messageType: [
    { name: 'AdmitRequest', field: [ticket, extra] },
    { name: 'AdmitResponse', field: [ticket, extra] },
    { name: 'Voucher', field: [ticket] },
  ],
  service: [
    {
      name: 'GarageService',
      method: [{ name: 'Admit', inputType: '.garage.v1.AdmitRequest', outputType: '.garage.v1.AdmitResponse' }],
    },
  ],
});

const registry = createFileRegistry(file, () => file_google_protobuf_any.proto);
const service = registry.getService('garage.v1.GarageService');
const method = service?.method.admit;
if (!service || !method) throw new Error('the garage has no service');

export const GarageService = service;
export const admit = method as DescMethodUnary;

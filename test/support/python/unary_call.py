"""Makes a unary call with grpcio: address, path (`/package.Service/Method`) and the request in base64 are its arguments.

Prints one JSON object: code, details, reply and trailers (values in base64), as grpcio shows them to its user.
"""

import base64
import json
import sys

import grpc


def encode(value):
    return base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()


def main():
    address, path, request = sys.argv[1:4]
    with grpc.insecure_channel(address) as channel:
        method = channel.unary_unary(path, request_serializer=None, response_deserializer=None)
        try:
            reply, call = method.with_call(base64.b64decode(request), timeout=30)
            code, details = grpc.StatusCode.OK, ""
        except grpc.RpcError as error:
            reply, call = b"", error
            code, details = error.code(), error.details()
        trailers = [[key, encode(value)] for key, value in call.trailing_metadata() or ()]
        print(json.dumps({"code": code.value[0], "details": details, "reply": encode(reply), "trailers": trailers}))


main()

"""The SPIFFE Workload API on a socket, as a SPIRE agent offers it: `workload_api.py SOCKET API`.

It fetches its JWT-SVIDs from `API/svid`. The messages are written by hand (SPIFFE Workload API §6, §7), so that no
client's generated code can agree with itself here. Prints a line when it listens; ends when its input ends.
"""

import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent import futures

import grpc

SOCKET, API = sys.argv[1:]
TRUST_DOMAIN = "spiffe://acme.example"
# No proxy, whatever the surroundings say.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def varint(number: int) -> bytes:
    """Encode as protobuf does: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def field(number: int, content: bytes) -> bytes:
    """Encode one field of bytes, text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Decode a message that has nothing but such fields."""

    def number(place: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = message[place]
            value, shift, place = value | (byte & 0x7F) << shift, shift + 7, place + 1
            if byte < 0x80:
                return value, place

    place = 0
    while place < len(message):
        key, place = number(place)
        if key & 7 != 2:
            raise ValueError(f"wire type {key & 7} is none of this message's")
        length, place = number(place)
        if place + length > len(message):
            raise ValueError("the message is cut off")
        yield key >> 3, message[place : place + length]
        place += length


def guard(context: grpc.ServicerContext) -> None:
    """Refuse whoever may have been sent here by somebody else (SPIFFE Workload Endpoint §5)."""
    if ("workload.spiffe.io", "true") not in context.invocation_metadata():
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing from request")


def ask(path: str, context: grpc.ServicerContext) -> bytes:
    try:
        with OPENER.open(f"{API}{path}", timeout=10) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        # What SPIRE says of a workload that no entry is about.
        context.abort(grpc.StatusCode.PERMISSION_DENIED, f"no identity issued ({error.code})")
        raise


def fetch_jwt_svid(request: bytes, context: grpc.ServicerContext) -> bytes:
    guard(context)
    try:
        asked = [(number, content.decode()) for number, content in fields(request)]
    except (ValueError, IndexError) as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    audiences = [text for number, text in asked if number == 1]
    if len(audiences) != 1 or not audiences[0]:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one audience must be specified")
    svid = ask(f"/svid?audience={urllib.parse.quote(audiences[0], safe='')}", context)
    spiffe_id = f"{TRUST_DOMAIN}/build/runner".encode()
    return field(1, field(1, spiffe_id) + field(2, svid) + field(3, b"internal"))


METHODS = {
    "FetchJWTSVID": grpc.unary_unary_rpc_method_handler(fetch_jwt_svid),
}
server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("SpiffeWorkloadAPI", METHODS)])
server.add_insecure_port(f"unix:{SOCKET}")
server.start()
print("listening", flush=True)
sys.stdin.read()
server.stop(None)
